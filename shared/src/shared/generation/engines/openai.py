"""The engine for any OpenAI-compatible server (vLLM, SGLang, llama.cpp, TGI, hosted APIs).

With a tokenizer at hand, prompts are sent as token ids to ``/completions``: what the model sees is
what the run records. Without one, chat turns go to ``/chat/completions`` (the server's template is
then part of its identity) and plain text to ``/completions``. Sampling is one request a sample,
with the sample's seed; how far a server honours seeds is its own affair. No streaming, no tools.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import httpx

from shared.generation.engines.interface import make_draw, prompt_limit, room
from shared.generation.requests import Draw, SamplingSettings, Unit, overlong_draws, sample_seed

_RETRY_STATUS = {408, 409, 429, 500, 502, 503, 504}


class OpenAIEngine:
    """Samples from a server.

    Args:
        base_url: up to and including ``/v1``.
        model: name the server knows; ``None`` when it serves exactly one.
        tokenizer: of the served model, or ``None`` to let the server render chat turns.
        concurrency: requests under way at a time.
        tries: attempts a request, with exponential back-off (a ``Retry-After`` header is obeyed).
        timeout: seconds one request may take.
        backoff: seconds before the second attempt; doubles each time, up to a minute.
    """

    name = "openai"

    def __init__(
        self,
        base_url: str,
        *,
        model: str | None = None,
        tokenizer: Any | None = None,
        concurrency: int = 32,
        tries: int = 6,
        timeout: float = 600.0,
        backoff: float = 1.0,
    ) -> None:
        key = os.environ.get("OPENAI_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._client = httpx.Client(
            base_url=base_url.rstrip("/"), headers=headers, timeout=timeout, limits=limits
        )
        self.tokenizer = tokenizer
        self._concurrency = concurrency
        self._tries = tries
        self._backoff = backoff
        self._stopped = threading.Event()
        served = self._served(model)
        self._model = served["id"]
        self.context = served.get("max_model_len")
        self._is_vllm = served.get("owned_by") == "vllm"

    def describe(self) -> dict[str, Any]:
        """See :class:`Engine`. A server cannot be hashed: its model's name is all there is."""
        return {"engine": self.name, "model": self._model}

    def generate(self, units: Iterable[Unit], settings: SamplingSettings) -> Iterator[list[Draw]]:
        """See :class:`Engine`."""
        source = iter(units)
        running: set[Future[list[Draw]]] = set()
        # a unit's samples run one after another in a thread of its own; units run side by side
        pool = ThreadPoolExecutor(self._concurrency)
        try:
            while True:
                while len(running) < 2 * self._concurrency:
                    unit = next(source, None)
                    if unit is None:
                        break
                    running.add(pool.submit(self._unit, unit, settings))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            self._stopped.set()  # whoever waits to try again gives up
            pool.shutdown(wait=True, cancel_futures=True)
            self._stopped.clear()

    def _unit(self, unit: Unit, settings: SamplingSettings) -> list[Draw]:
        limit = prompt_limit(settings, self.context)
        if unit.prompt.token_ids is not None and limit is not None and len(unit.prompt.token_ids) > limit:
            return overlong_draws(unit, settings.seed)
        return [self._sample(unit, sample, settings) for sample in unit.samples]

    def _sample(self, unit: Unit, sample: int, settings: SamplingSettings) -> Draw:
        begin = time.perf_counter()
        prompt = unit.prompt
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": room(prompt, settings, self.context),
            "seed": sample_seed(settings.seed, prompt.task, prompt.problem_id, sample),
        }
        if settings.stop:
            body["stop"] = list(settings.stop)
        if self._is_vllm:  # its server takes defaults from the model's folder for what is not said
            body |= {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
        exact = list(prompt.token_ids) if prompt.token_ids is not None else prompt.text
        if exact is not None:
            answer = self._post("/completions", {**body, "prompt": exact})
        else:
            answer = self._post("/chat/completions", {**body, "messages": list(prompt.messages)})
        if answer is None:
            return overlong_draws(Unit(prompt, (sample,)), settings.seed)[0]
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        text = choice["text"] if "text" in choice else choice["message"]["content"]
        return make_draw(
            unit,
            sample,
            settings,
            text=text or "",
            finish_reason="length" if choice.get("finish_reason") == "length" else "stop",
            n_prompt_tokens=usage.get("prompt_tokens", 0),
            n_response_tokens=usage.get("completion_tokens", 0),
            engine=self.name,
            seconds=time.perf_counter() - begin,
        )

    def _served(self, model: str | None) -> dict[str, Any]:
        models = self._request("GET", "/models").json()["data"]
        chosen = [m for m in models if model is None or m["id"] == model]
        if len(chosen) != 1:
            names = ", ".join(m["id"] for m in models)
            raise ValueError(
                f"name one of the models at {self._client.base_url} with --served-model: {names}"
            )
        return dict(chosen[0])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The server's answer, ``None`` when it says that the prompt does not fit its window."""
        response = self._request("POST", path, body)
        if response.status_code == 400 and "context length" in response.text:
            return None
        if response.status_code >= 400:
            raise ValueError(f"{self._client.base_url}{path} refused: {response.text[:500]}")
        return dict(response.json())

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        problem = ""
        for attempt in range(self._tries):
            pause = min(60.0, self._backoff * 2**attempt) * (1 + 0.25 * random.random())
            try:
                response = self._client.request(method, path, json=body)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if response.status_code not in _RETRY_STATUS:
                    return response
                problem = f"status {response.status_code}: {response.text[:200]}"
                after = response.headers.get("Retry-After", "")
                pause = float(after) if after.isdigit() else pause
            if attempt + 1 < self._tries and self._stopped.wait(pause):
                break
        raise ConnectionError(
            f"no answer from {self._client.base_url}{path} after {self._tries} tries ({problem}). What was "
            "finished is stored: start the server and run the same command again"
        )
