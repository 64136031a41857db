"""SePT (the "Entropy Mechanism" recipe's grader): three routes, any of which suffices.

Kept as shipped: only a complete ``\\boxed{...}`` counts; e-notation golds do not match ``\\times
10^{n}``; failures and timeouts are 0; the tolerance field of OlympiadBench is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.problems import Outcome
from shared.verifiers.shipped.mathverify import math_verify_outcomes
from shared.verifiers.shipped.strings import hendrycks, last_box, minerva
from shared.verifiers.shipped.sympy_stage import same_by_simplification


def _repetitive(text: str) -> bool:
    """A long answer that repeats a short piece: not given to the symbolic route."""
    return len(text) > 128 and bool(re.search(r"(.{1,20}?)\1{8,}", text))


def sept(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Score of each response against its reference answer."""
    scores: list[float | None] = []
    late: list[tuple[int, tuple[str, str]]] = []
    for index, (response, gold) in enumerate(zip(responses, answers, strict=True)):
        boxed = last_box(response, ("\\boxed",))
        if boxed is None:
            scores.append(0.0)
        elif hendrycks(boxed) == hendrycks(gold) or same_by_simplification(minerva(gold), minerva(boxed)):
            scores.append(1.0)
        elif _repetitive(boxed):
            scores.append(0.0)
        else:
            scores.append(None)
            late.append((index, (f"${gold.strip('$')}$", f"${boxed}$")))
    outcomes = math_verify_outcomes([pair for _, pair in late])
    for (index, _), outcome in zip(late, outcomes, strict=True):
        scores[index] = float(outcome is Outcome.EQUAL)
    return [score or 0.0 for score in scores]
