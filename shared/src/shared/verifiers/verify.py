"""One face: a response and a reference answer become a Verdict."""

from __future__ import annotations

from collections.abc import Sequence

from shared.problems import Outcome, Verdict
from shared.verifiers.extract import extract
from shared.verifiers.policy import DEFAULT, Policy


def _plain(text: str) -> str:
    return text.strip()


def answer_keys(answers: Sequence[str | None], policy: Policy = DEFAULT) -> list[str | None]:
    """A canonical form per answer; equal forms are equal answers. ``None`` stays ``None``."""
    return [None if answer is None else _plain(answer) for answer in answers]


def equivalence_classes(answers: Sequence[str | None], policy: Policy = DEFAULT) -> list[int | None]:
    """Class number per answer (0, 1, ... by first appearance); ``None`` for answers that are ``None``."""
    seen: dict[str, int] = {}
    return [None if key is None else seen.setdefault(key, len(seen)) for key in answer_keys(answers, policy)]


def verify(response: str, gold: str, policy: Policy = DEFAULT) -> Verdict:
    """Compare one response with one reference answer."""
    if not gold.strip():
        return Verdict(Outcome.BAD_GOLD, detail="The reference answer is empty.")
    answer = extract(response, policy)
    if answer is None:
        return Verdict(Outcome.NO_ANSWER)
    equal = _plain(answer) == _plain(gold)
    return Verdict(Outcome.EQUAL if equal else Outcome.DIFFERENT, answer, _plain(answer), float(equal))


def verify_batch(
    responses: Sequence[str], golds: str | Sequence[str], policy: Policy = DEFAULT
) -> list[Verdict]:
    """Compare many responses with one reference for all, or one reference per response."""
    if isinstance(golds, str):
        golds = [golds] * len(responses)
    if len(golds) != len(responses):
        raise ValueError(f"verify_batch got {len(responses)} responses but {len(golds)} references.")
    return [verify(response, gold, policy) for response, gold in zip(responses, golds, strict=True)]
