"""RLT's students: the SkyThought evaluator (last box with fallbacks, then string and value equality).

Kept as shipped: without a box the text behind "answer is", else the last number of the whole response,
is taken; the option letter is the last stand-alone A to D, wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.verifiers.shipped.strings import hendrycks, last_box, minerva
from shared.verifiers.shipped.sympy_stage import same_by_simplification

_NUMBER = re.compile(r"-?\d*\.?\d+")


def rlt_extract(response: str) -> str | None:
    """The answer string of a response."""
    boxed = last_box(response, ("\\boxed",))
    if boxed is not None:
        return boxed
    if "answer is" in response:
        return response.rsplit("answer is", 1)[1].strip().split("\n")[0].rstrip(".")
    numbers = _NUMBER.findall(response.replace(",", ""))
    return numbers[-1] if numbers else None


def _same(gold: str, answer: str) -> bool:
    if hendrycks(gold) == hendrycks(answer):
        return True
    a, b = minerva(gold), minerva(answer)
    return a == b or same_by_simplification(a, b)


def rlt_math(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Score of each response of AIME and MATH-500."""
    found = [rlt_extract(response) for response in responses]
    return [float(a is not None and _same(gold, a)) for a, gold in zip(found, answers, strict=True)]


def rlt_letter(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Score of each response of GPQA: the last stand-alone letter A to D."""
    scores = []
    for response, gold in zip(responses, answers, strict=True):
        letters = re.findall(r"\b([A-D])\b", response)
        scores.append(float(bool(letters) and letters[-1] == gold.strip().upper()))
    return scores
