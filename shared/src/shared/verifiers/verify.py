"""One face: a response and a reference answer become a Verdict.

Cheap, bounded comparisons are made in place; the few that exceed their budget go to the worker pool
(:mod:`shared.verifiers.pool`), which has a clock. Verdicts of distinct pairs are remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from shared.problems import Outcome, Verdict
from shared.verifiers.extract import boxed_answer, boxes, extract, final_text
from shared.verifiers.letters import letter_of
from shared.verifiers.policy import DEFAULT, Policy

Pair = tuple[str, str]  # reference answer, answer
Decision = tuple[Outcome, str]  # with one line of detail
DEFECTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a programming error in a comparison can raise: reported as an outcome of its own."""
_MEMORY = 1500  # characters of a pair that is remembered


def verify(response: str, gold: str, policy: Policy = DEFAULT) -> Verdict:
    """Compare one response with one reference answer.

    Args:
        response: the generated text (no prompt), or just an answer.
        gold: the reference answer, with or without a box around it.
        policy: the conventions that apply.

    Returns:
        a verdict; whatever breaks is an outcome of its own, never ``different``.
    """
    return verify_batch([response], gold, policy)[0]


def verify_batch(
    responses: Sequence[str], golds: str | Sequence[str], policy: Policy = DEFAULT
) -> list[Verdict]:
    """Compare many responses with one reference for all, or with one reference each.

    Every distinct pair is decided once; what needs a worker process is decided in parallel.

    Raises:
        ValueError: when the numbers of responses and references differ.
    """
    if isinstance(golds, str):
        golds = [golds] * len(responses)
    if len(golds) != len(responses):
        raise ValueError(f"verify_batch got {len(responses)} responses but {len(golds)} references.")
    answers = [extract(response, policy) for response in responses]
    if policy.kind != "math":
        return [_simple(answer, gold, policy) for answer, gold in zip(answers, golds, strict=True)]
    golds = [unboxed_gold(gold) for gold in golds]
    bad = {gold: _damage(gold) for gold in set(golds)}
    pairs = [(gold, answer) for gold, answer in zip(golds, answers, strict=True) if answer is not None]
    decisions = _decide_all(pairs, policy)
    return [
        _verdict(response, answer, gold, bad[gold], decisions, policy)
        for response, answer, gold in zip(responses, answers, golds, strict=True)
    ]


def unboxed_gold(gold: str) -> str:
    """A reference answer that comes in a box (as the SeRL sets do) without it."""
    return boxed_answer(gold, allow_unclosed=False) or gold if "\\boxed" in gold or "\\fbox" in gold else gold


def _damage(gold: str) -> str | None:
    from shared.verifiers.gold import damage

    return damage(gold)


def _simple(answer: str | None, gold: str, policy: Policy) -> Verdict:
    """Verdicts of the policies that compare strings or letters: nothing is loaded or started."""
    gold = gold.strip()
    if not gold:
        return Verdict(Outcome.BAD_GOLD, answer, detail="The reference answer is empty.")
    if policy.kind == "letter":
        letter = letter_of(unboxed_gold(gold), policy.letters)
        if letter is None:
            return Verdict(Outcome.BAD_GOLD, answer, detail=f"The reference {gold!r} is no option letter.")
        gold = letter
    if answer is None:
        return Verdict(Outcome.NO_ANSWER)
    stripped = answer.strip()
    if stripped == gold:
        return Verdict(Outcome.EQUAL, answer, stripped, 1.0)
    return Verdict(Outcome.DIFFERENT, answer, stripped)


def _verdict(
    response: str,
    answer: str | None,
    gold: str,
    bad: str | None,
    decisions: dict[Pair, Decision],
    policy: Policy,
) -> Verdict:
    if bad and not gold.strip():
        return Verdict(Outcome.BAD_GOLD, answer, detail=bad)
    if answer is None:
        return Verdict(Outcome.BAD_GOLD, detail=bad) if bad else Verdict(Outcome.NO_ANSWER)
    outcome, detail = decisions[(gold, answer)]
    if outcome is Outcome.DIFFERENT and bad:
        outcome, detail = Outcome.BAD_GOLD, bad
    if outcome is Outcome.DIFFERENT:
        parts = _all_parts(response, answer, gold, policy)
        if parts is not None:
            outcome, detail = _decide_all([(gold, parts)], policy)[(gold, parts)]
            answer = parts
    return Verdict(outcome, answer, _canonical(answer, policy), float(outcome is Outcome.EQUAL), detail)


def _all_parts(response: str, answer: str, gold: str, policy: Policy) -> str | None:
    """Several boxes for a reference with as many parts: all of them together are one answer."""
    if "," not in gold and " and " not in gold:
        return None
    found = [box[2].strip() for box in boxes(final_text(response, policy) or "") if box[3]]
    from shared.verifiers.judge import readings
    from shared.verifiers.nodes import Group

    reference = readings(gold, policy)[0]
    if (
        not isinstance(reference, Group)
        or reference.opening
        or len(reference.items) != len(found)
        or len(found) < 2
    ):
        return None
    joined = ", ".join(found)
    return joined if joined != answer else None


def _decide_all(pairs: Iterable[Pair], policy: Policy) -> dict[Pair, Decision]:
    """Decide every distinct pair once: in place if that is cheap, else in the pool."""
    out: dict[Pair, Decision] = {}
    hard: list[Pair] = []
    for pair in dict.fromkeys(pairs):
        short = len(pair[0]) + len(pair[1]) <= _MEMORY
        decision = _remembered(*pair, policy) if short else _in_place(*pair, policy)
        if decision is None:
            hard.append(pair)
        else:
            out[pair] = decision
    if hard:
        from shared.verifiers.pool import Job, shared_pool

        known = [_hard_memory.get((*pair, policy)) for pair in hard]
        asked = [pair for pair, decision in zip(hard, known, strict=True) if decision is None]
        fresh = dict(
            zip(asked, shared_pool().decide_all([Job(*pair, policy) for pair in asked]), strict=True)
        )
        for pair, decision in zip(hard, known, strict=True):
            out[pair] = decision or fresh[pair]
            if len(_hard_memory) < 10_000 and out[pair][0] in (Outcome.EQUAL, Outcome.DIFFERENT):
                _hard_memory[(*pair, policy)] = out[pair]
    return out


_hard_memory: dict[tuple[str, str, Policy], Decision] = {}


def _in_place(gold: str, answer: str, policy: Policy) -> Decision | None:
    """The comparison within the budget of the calling process, ``None`` if that does not suffice.

    A defect of the comparison itself is an outcome too: it must neither end a training run nor pass
    for a wrong answer.
    """
    from shared.verifiers.exact import Exhausted, inline_budget
    from shared.verifiers.judge import judge

    try:
        equal = judge(gold, answer, policy, inline_budget())
    except Exhausted:
        return None
    except DEFECTS as defect:
        return Outcome.ERROR, f"{type(defect).__name__} in the comparison: {defect}"
    return (Outcome.EQUAL if equal else Outcome.DIFFERENT), ""


@lru_cache(maxsize=50_000)
def _remembered(gold: str, answer: str, policy: Policy) -> Decision | None:
    return _in_place(gold, answer, policy)


@lru_cache(maxsize=50_000)
def _canonical_short(answer: str, policy: Policy) -> str:
    from shared.verifiers.canonical import canonical

    return canonical(answer, policy)


def _canonical(answer: str, policy: Policy) -> str:
    """The canonical form; an answer that defeats the reader stands for itself."""
    from shared.verifiers.canonical import canonical

    try:
        return _canonical_short(answer, policy) if len(answer) <= 300 else canonical(answer, policy)
    except DEFECTS:
        return answer.strip()


def answer_keys(answers: Sequence[str | None], policy: Policy = DEFAULT) -> list[str | None]:
    """The canonical form of each answer; equal forms are equal answers. ``None`` stays ``None``."""
    if policy.kind != "math":
        return [None if answer is None else answer.strip() for answer in answers]
    return [None if answer is None else _canonical(answer, policy) for answer in answers]


def equivalence_classes(answers: Sequence[str | None], policy: Policy = DEFAULT) -> list[int | None]:
    """A class number for each answer, 0, 1, ... by first appearance; ``None`` for answers that are ``None``.

    Answers with one canonical form share a class; the distinct forms that remain are compared with the
    first member of each class. A comparison that breaks keeps two answers apart.
    """
    keys = answer_keys(answers, policy)
    first: dict[str, str] = {}
    for answer, form in zip(answers, keys, strict=True):
        if answer is not None and form is not None:
            first.setdefault(form, answer)
    representatives: list[str] = []
    number: dict[str, int] = {}
    for form, answer in first.items():
        pairs = [(member, answer) for member in representatives] if policy.kind == "math" else []
        decisions = _decide_all(pairs, policy)
        for index, pair in enumerate(pairs):
            if decisions[pair][0] is Outcome.EQUAL:
                number[form] = index
                break
        else:
            number[form] = len(representatives)
            representatives.append(answer)
    return [None if form is None else number[form] for form in keys]


def count_outcomes(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many verdicts of each outcome there are; every outcome is listed, for logs and reports."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return {outcome.value: counts[outcome] for outcome in Outcome}
