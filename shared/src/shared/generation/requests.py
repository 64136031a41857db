"""What is asked of a model, and what comes back: settings, prompts, units of work, draws.

A ``Unit`` (one problem of one task, a block of sample indices) is the smallest thing that is
planned, generated and stored as a whole; a ``Draw`` is one finished sample. How prompts are
rendered, where draws are stored and who generates them live in the sibling modules.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

OVERLONG = "overlong"
"""Finish reason of a prompt that did not fit and was therefore never sent to the model."""

Message = dict[str, str]
"""One chat turn: ``{"role": "system" | "user" | "assistant", "content": text}``."""


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How tokens are drawn. Everything that changes a draw is here and enters the fingerprint.

    Attributes:
        temperature: 0 is greedy. (No paper here limits top-k, so there is no such setting; engines
            are told to switch it off.)
        top_p: nucleus mass in (0, 1].
        max_new_tokens: limit on the response.
        max_prompt_tokens: longer prompts are not sent (finish reason ``overlong``); ``None`` leaves
            only the model's own window as a limit.
        stop: strings that end a response; the string itself is not part of the response.
        seed: run seed; the seed of a sample is derived from it, the task, the problem and the index.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 1024
    max_prompt_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"temperature is {self.temperature}: give 0 (greedy) or a positive number")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}: give a number in (0, 1]")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {self.max_new_tokens}: give at least 1")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One rendered question.

    Attributes:
        task: task or data set name; with ``problem_id`` it identifies the question.
        problem_id: unique within the task.
        messages: the chat turns before any template.
        text: the exact string given to the model, ``None`` when a server applies its own template.
        token_ids: the exact ids given to the model, ``None`` when no tokenizer was at hand.
        dropped_shots: few-shot examples left out to make the prompt fit.
    """

    task: str
    problem_id: str
    messages: tuple[Message, ...]
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    dropped_shots: int = 0

    @property
    def sha(self) -> str:
        """16 hex digits that change whenever what the model is shown changes."""
        shown: Any = self.token_ids if self.token_ids is not None else (self.text or self.messages)
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    @property
    def key(self) -> tuple[str, str]:
        """(task, problem id)."""
        return (self.task, self.problem_id)


@dataclass(frozen=True, slots=True)
class Unit:
    """A block of samples of one prompt: generated together, stored together, lost together."""

    prompt: Prompt
    samples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Draw:
    """One stored sample.

    Attributes:
        task, problem_id, sample: the key; a key is generated once.
        prompt_sha: :attr:`Prompt.sha` of what the model was shown.
        text: the response, without prompt, special tokens and stop string.
        finish_reason: ``stop``, ``length`` or ``overlong``.
        n_prompt_tokens, n_response_tokens: 0 when the engine does not say.
        seed: the seed this sample was drawn with.
        engine: name and version of what generated it.
        seconds: wall time of the engine call that produced it, shared by its batch.
        dropped_shots: see :class:`Prompt`.
    """

    task: str
    problem_id: str
    sample: int
    prompt_sha: str
    text: str
    finish_reason: str
    n_prompt_tokens: int
    n_response_tokens: int
    seed: int
    engine: str
    seconds: float = 0.0
    dropped_shots: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """(problem id, sample index): unique within a store."""
        return (self.problem_id, self.sample)


def sample_seed(run_seed: int, task: str, problem_id: str, sample: int) -> int:
    """Seed of one sample, in [0, 2**63): a hash, so order, batch and shard cannot change it."""
    text = json.dumps([run_seed, task, problem_id, sample])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # engines want a signed 64-bit number


def fingerprint(parts: Any) -> str:
    """12 hex digits of a JSON-like description; equal descriptions give equal fingerprints."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def overlong_draws(unit: Unit, run_seed: int) -> list[Draw]:
    """The draws of a prompt that does not fit: empty, and marked so."""
    prompt = unit.prompt
    return [
        Draw(
            task=prompt.task,
            problem_id=prompt.problem_id,
            sample=sample,
            prompt_sha=prompt.sha,
            text="",
            finish_reason=OVERLONG,
            n_prompt_tokens=len(prompt.token_ids or ()),
            n_response_tokens=0,
            seed=sample_seed(run_seed, prompt.task, prompt.problem_id, sample),
            engine="none",
            dropped_shots=prompt.dropped_shots,
        )
        for sample in unit.samples
    ]
