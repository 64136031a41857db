"""What an engine is, and the checks that all of them share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from shared.generation.requests import Draw, Prompt, SamplingSettings, Unit, sample_seed

_SAMPLED_BLOCKS = 64
_BLOCK_BYTES = 1 << 16


class Engine(Protocol):
    """Generates units in whatever order suits it and yields each one when it is complete."""

    name: str
    context: int | None
    """The model's window in tokens, ``None`` when unknown."""

    def describe(self) -> dict[str, Any]:
        """What determines the draws (engine, model, its hash, precision), for the fingerprint."""
        ...

    def generate(self, units: Iterable[Unit], settings: SamplingSettings) -> Iterator[list[Draw]]:
        """The draws of each unit, one list a unit. Prompts longer than the limits never get here."""
        ...


def prompt_limit(settings: SamplingSettings, context: int | None) -> int | None:
    """Longest prompt that may be sent: the set limit, and room for at least one new token."""
    window = None if context is None else context - 1
    limits = [limit for limit in (settings.max_prompt_tokens, window) if limit is not None]
    return min(limits, default=None)


def room(prompt: Prompt, settings: SamplingSettings, context: int | None) -> int:
    """New tokens this prompt may get; depends on the prompt alone, never on its batch."""
    if context is None or prompt.token_ids is None:
        return settings.max_new_tokens
    return min(settings.max_new_tokens, context - len(prompt.token_ids))


def make_draw(
    unit: Unit,
    sample: int,
    settings: SamplingSettings,
    *,
    text: str,
    finish_reason: str,
    n_response_tokens: int,
    engine: str,
    seconds: float,
    n_prompt_tokens: int | None = None,
) -> Draw:
    """A draw of a unit, with the fields that follow from the unit filled in."""
    prompt = unit.prompt
    return Draw(
        task=prompt.task,
        problem_id=prompt.problem_id,
        sample=sample,
        prompt_sha=prompt.sha,
        text=text,
        finish_reason=finish_reason,
        n_prompt_tokens=len(prompt.token_ids or ()) if n_prompt_tokens is None else n_prompt_tokens,
        n_response_tokens=n_response_tokens,
        seed=sample_seed(settings.seed, prompt.task, prompt.problem_id, sample),
        engine=engine,
        seconds=round(seconds, 3),
        dropped_shots=prompt.dropped_shots,
    )


def model_identity(model: str, revision: str | None = None) -> dict[str, Any]:
    """What names a model's weights: a hash of a local folder's files, or hub id and revision.

    Small files are hashed whole, large ones by their size, their ends and 62 blocks spread evenly
    between: a retrained checkpoint of the same shape gets another identity at a small reading cost.
    """
    folder = Path(model)
    if not folder.is_dir():
        return {"model": model, "revision": revision or "main"}
    names = sorted(
        p for p in folder.iterdir() if p.suffix in (".safetensors", ".json", ".jinja", ".model", ".bin")
    )
    if not names:
        raise ValueError(f"{folder} holds no model: expected config.json and *.safetensors")
    digest = hashlib.sha256()
    for path in names:
        digest.update(path.name.encode())
        _hash_file(path, digest)
    return {"model": folder.resolve().name, "sha": digest.hexdigest()[:16]}


def _hash_file(path: Path, digest: Any) -> None:
    size = path.stat().st_size
    digest.update(str(size).encode())
    with open(path, "rb") as handle:
        if size <= _SAMPLED_BLOCKS * _BLOCK_BYTES:
            digest.update(handle.read())
            return
        for block in range(_SAMPLED_BLOCKS):
            handle.seek((size - _BLOCK_BYTES) * block // (_SAMPLED_BLOCKS - 1))
            digest.update(handle.read(_BLOCK_BYTES))
