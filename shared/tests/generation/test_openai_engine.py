"""The server engine against a scripted server: bodies, retries, refusals, concurrency."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from shared.generation import OVERLONG, OpenAIEngine, Prompt, SamplingSettings, Unit, sample_seed

Reply = tuple[int, dict[str, Any], dict[str, str]]


class Server:
    """Answers with ``script`` (request number, path, body) and remembers the bodies."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        self.under_way = self.most = 0
        self.script: Callable[[int, str, dict[str, Any]], Reply] = lambda i, path, body: ok(body)
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                models = [{"id": "m", "owned_by": "vllm", "max_model_len": 20}]
                self.reply(200, {"data": models}, {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.bodies.append((self.path, body))
                    number = len(outer.bodies) - 1
                    outer.under_way += 1
                    outer.most = max(outer.most, outer.under_way)
                status, answer, headers = outer.script(number, self.path, body)
                with outer.lock:
                    outer.under_way -= 1
                self.reply(status, answer, headers)

            def reply(self, status: int, answer: dict[str, Any], headers: dict[str, str]) -> None:
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def ok(body: dict[str, Any], finish: str = "stop") -> Reply:
    text = f"seed {body['seed']}"
    choice = {"text": text} if "prompt" in body else {"message": {"content": text}}
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    return 200, {"choices": [{**choice, "finish_reason": finish}], "usage": usage}, {}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def unit(name: str = "p", ids: tuple[int, ...] | None = (1, 2, 3), samples: tuple[int, ...] = (0, 1)) -> Unit:
    return Unit(Prompt("t", name, ({"role": "user", "content": "hi"},), "hi" if ids else None, ids), samples)


SETTINGS = SamplingSettings(temperature=0.5, top_p=0.9, max_new_tokens=50, stop=("Q:",), seed=7)


def test_bodies_say_everything_that_matters(server: Server) -> None:
    engine = OpenAIEngine(server.url)
    (draws,) = engine.generate([unit()], SETTINGS)
    path, body = server.bodies[0]
    assert path == "/v1/completions"
    seed = sample_seed(7, "t", "p", 0)
    assert body == {
        "model": "m", "temperature": 0.5, "top_p": 0.9, "max_tokens": 17, "seed": seed, "stop": ["Q:"],
        "prompt": [1, 2, 3], "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0,
    }  # fmt: skip
    assert [d.text for d in draws] == [f"seed {sample_seed(7, 't', 'p', s)}" for s in (0, 1)]
    assert draws[0].n_prompt_tokens == 4
    assert draws[0].n_response_tokens == 2
    list(engine.generate([unit(ids=None)], SETTINGS))
    path, body = server.bodies[-1]
    assert path == "/v1/chat/completions"
    assert body["messages"] == [{"role": "user", "content": "hi"}]


def test_transient_failures_are_retried_and_retry_after_is_obeyed(server: Server) -> None:
    def script(i: int, path: str, body: dict[str, Any]) -> Reply:
        if i == 0:
            return 503, {"error": "warming up"}, {}
        if i == 1:
            return 429, {"error": "slow down"}, {"Retry-After": "1"}
        return ok(body, "length")

    server.script = script
    begin = time.monotonic()
    (draws,) = OpenAIEngine(server.url, backoff=0.01).generate([unit(samples=(0,))], SETTINGS)
    assert draws[0].finish_reason == "length"
    assert len(server.bodies) == 3
    assert time.monotonic() - begin > 0.9


def test_a_dead_server_is_a_clear_error_after_bounded_tries(server: Server) -> None:
    engine = OpenAIEngine(server.url, tries=3, backoff=0.01)
    server.script = lambda i, path, body: (500, {"error": "boom"}, {})
    with pytest.raises(ConnectionError, match=r"after 3 tries.*boom"):
        list(engine.generate([unit(samples=(0,))], SETTINGS))
    assert len(server.bodies) == 3


def test_window_refusal_is_overlong_and_other_refusals_stop(server: Server) -> None:
    engine = OpenAIEngine(server.url)
    server.script = lambda i, path, body: (400, {"error": "maximum context length is 20 tokens"}, {})
    (draws,) = engine.generate([unit(ids=None, samples=(0,))], SETTINGS)
    assert draws[0].finish_reason == OVERLONG
    server.script = lambda i, path, body: (400, {"error": "no such parameter"}, {})
    with pytest.raises(ValueError, match="no such parameter"):
        list(engine.generate([unit()], SETTINGS))


def test_units_run_side_by_side_up_to_the_limit(server: Server) -> None:
    def slow(i: int, path: str, body: dict[str, Any]) -> Reply:
        time.sleep(0.05)
        return ok(body)

    server.script = slow
    units = [unit(f"p{i}", samples=(0,)) for i in range(12)]
    draws = [d for batch in OpenAIEngine(server.url, concurrency=4).generate(units, SETTINGS) for d in batch]
    assert sorted(d.problem_id for d in draws) == sorted(f"p{i}" for i in range(12))
    assert 2 <= server.most <= 4


def test_an_unknown_model_name_lists_what_is_served(server: Server) -> None:
    with pytest.raises(ValueError, match="m"):
        OpenAIEngine(server.url, model="other")
