"""The engine for one CPU or one GPU: a ``transformers`` model and the batched torch sampler."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from shared.generation.engines.interface import make_draw, model_identity, room
from shared.generation.requests import Draw, SamplingSettings, Unit, sample_seed

_UNITS_AHEAD = 4096  # units looked at together, to batch prompts of similar length


class HFEngine:
    """Samples with ``transformers``; draws do not depend on the batch a unit lands in.

    Args:
        model: folder or hub id.
        device: ``cpu``, ``cuda``, ...
        dtype: ``float32`` (reproducible, the default), ``bfloat16`` or ``float16``.
        rows: samples stepped together; what is in flight when a kill comes is lost.
    """

    name = "hf"

    def __init__(
        self,
        model: str,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        rows: int = 64,
        revision: str | None = None,
    ) -> None:
        import torch  # these take seconds to import, and only this engine needs them
        import transformers

        from shared.sampling import SamplingParams, TorchSampler

        self.tokenizer = transformers.AutoTokenizer.from_pretrained(model, revision=revision)
        loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, dtype), revision=revision
        )
        self.model = loaded.to(device)
        self.context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        commit = getattr(self.model.config, "_commit_hash", None)  # of a hub model, whatever was asked for
        self._identity = {**model_identity(model, commit or revision), "dtype": dtype}
        self._rows = rows
        self._params = SamplingParams
        self._sampler = TorchSampler(self.model, _Rendered(self.tokenizer), max_rows=rows, progress=False)
        self._version = f"hf transformers-{transformers.__version__} torch-{torch.__version__}"

    def describe(self) -> dict[str, Any]:
        """See :class:`Engine`."""
        return {"engine": self.name, **self._identity}

    def generate(self, units: Iterable[Unit], settings: SamplingSettings) -> Iterator[list[Draw]]:
        """See :class:`Engine`."""
        waiting: list[Unit] = []
        for unit in units:
            waiting.append(unit)
            if len(waiting) == _UNITS_AHEAD:
                yield from self._generate(waiting, settings)
                waiting = []
        yield from self._generate(waiting, settings)

    def _generate(self, units: list[Unit], settings: SamplingSettings) -> Iterator[list[Draw]]:
        def kind(unit: Unit) -> tuple[int, int]:
            return room(unit.prompt, settings, self.context), len(unit.samples)

        for (new_tokens, n), group in groupby(sorted(units, key=kind), key=kind):
            same = sorted(group, key=lambda unit: len(unit.prompt.token_ids or ()))
            step = max(1, self._rows // n)
            for start in range(0, len(same), step):
                yield from self._batch(same[start : start + step], settings, new_tokens, n)

    def _batch(
        self, units: list[Unit], settings: SamplingSettings, new_tokens: int, n: int
    ) -> list[list[Draw]]:
        begin = time.perf_counter()
        params = self._params(
            n=n,
            temperature=settings.temperature,
            top_p=settings.top_p,
            max_new_tokens=new_tokens,
            stop=settings.stop,
        )
        prompts = [_join_ids(unit) for unit in units]
        seeds = [
            [sample_seed(settings.seed, unit.prompt.task, unit.prompt.problem_id, s) for s in unit.samples]
            for unit in units
        ]
        groups = self._sampler.sample(prompts, params, seed_keys=seeds)
        seconds = time.perf_counter() - begin
        return [
            [
                make_draw(
                    unit,
                    sample,
                    settings,
                    text=response.text,
                    finish_reason=response.finish_reason.value,
                    n_response_tokens=len(response.token_ids),
                    engine=self._version,
                    seconds=seconds,
                )
                for sample, response in zip(unit.samples, responses, strict=True)
            ]
            for unit, responses in zip(units, groups, strict=True)
        ]


def _join_ids(unit: Unit) -> str:
    return ",".join(map(str, unit.prompt.token_ids or ()))


class _Rendered:
    """The tokenizer's face for prompts that are ids already: it adds no template and no BOS."""

    chat_template = None

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = tokenizer.eos_token_id
        self.decode = tokenizer.decode
        self.batch_decode = tokenizer.batch_decode

    def __call__(self, ids: str) -> dict[str, list[int]]:
        return {"input_ids": [int(i) for i in ids.split(",")]}
