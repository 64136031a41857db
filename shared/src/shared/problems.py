"""The nouns of the house: Problem, Response, Group, Verdict, Vote.

Everything above this floor speaks in these words: samplers turn a ``Problem`` into
``Response``s, a ``Group`` is one problem with its n responses, a verifier returns a
``Verdict`` for one response, and the n answers of a group elect a ``Vote``.
There is no behaviour here beyond what follows from the fields; reading and writing files,
sampling and grading live on the floors above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One question.

    Attributes:
        id: unique and stable across runs; sampling seeds are derived from it.
        prompt: the question text, before any chat template.
        answer: the reference answer, or ``None`` when the problem is unlabelled.
        source: the data set or world that it comes from.
        level: difficulty level where the source defines one.
        choices: option texts for multiple choice, in order (A, B, ...).
        meta: anything else the source says; never read by the training loop.
    """

    id: str
    prompt: str
    answer: str | None
    source: str
    level: int | None = None
    choices: tuple[str, ...] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


class FinishReason(str, Enum):
    """Why generation of a response ended."""

    STOP = "stop"  # end-of-sequence token or stop string
    LENGTH = "length"  # ran into the limit on new tokens


@dataclass(frozen=True, slots=True)
class Response:
    """One sampled continuation of a prompt.

    Attributes:
        text: decoded response, without prompt and special tokens.
        token_ids: generated ids, the end-of-sequence token included when it was produced.
        logprobs: log-probability (nats) of each generated token under the sampling policy at
            the sampling temperature; same length as ``token_ids``, or ``None`` if not recorded.
        finish_reason: why it ended.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] | None = None
    finish_reason: FinishReason = FinishReason.STOP


@dataclass(frozen=True, slots=True)
class Group:
    """One problem and the n responses sampled for it in one step."""

    problem: Problem
    responses: tuple[Response, ...]


class Outcome(str, Enum):
    """What a verifier found. Only ``EQUAL`` is correct; what broke is never called wrong."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NO_ANSWER = "no_answer"  # nothing in the response that counts as a final answer
    BAD_GOLD = "bad_gold"  # the reference itself is empty or unreadable
    TIMEOUT = "timeout"  # the deadline passed before a decision
    ERROR = "error"  # the verifier failed; ``detail`` says how


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of comparing one response with one reference answer.

    Attributes:
        outcome: see :class:`Outcome`.
        extracted: the final answer as it stands in the response, ``None`` if there is none.
        canonical: a normal form of it; equal canonical forms are equal answers.
        score: partial credit in [0, 1]; 1.0 or 0.0 for tasks without partial credit.
        detail: one line for people, mainly for errors.
    """

    outcome: Outcome
    extracted: str | None = None
    canonical: str | None = None
    score: float = 0.0
    detail: str = ""

    @property
    def correct(self) -> bool:
        """Whether the response is right."""
        return self.outcome is Outcome.EQUAL


@dataclass(frozen=True, slots=True)
class Vote:
    """The outcome of a vote over the answers of one group.

    Attributes:
        winner: the winning answer (a representative spelling), ``None`` if nobody won.
        share: weight of the winner divided by ``denominator``; 0.0 without a winner.
        denominator: the total the share refers to (parsed answers, or all responses).
        n_parsed: responses that had an answer.
        n_classes: distinct answers among them.
        tied: whether several answers shared the highest weight.
        weights: answer -> share of the denominator, highest first (soft labels).
    """

    winner: str | None
    share: float
    denominator: float
    n_parsed: int
    n_classes: int
    tied: bool
    weights: Mapping[str, float] = field(default_factory=dict)
