"""SRT: the string that votes and the Math-Verify reward (authors' code, main branch).

Kept as shipped: no trimming or folding of the voting string; the space form of the box takes
precedence wherever it stands; an ``\\fbox`` is found and then not opened; the reward scans the whole
response, so an unboxed answer earns it although it cannot vote.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.problems import Outcome
from shared.verifiers.shipped.mathverify import math_verify_outcomes


def srt_extract(response: str) -> str | None:
    """The voting string of a response: the last box by brace matching, exactly as written."""
    if "\\boxed " in response:
        return response.split("\\boxed ")[-1].split("$")[0]
    at = response.rfind("\\boxed")
    if at < 0:
        return None  # \fbox is found by the original and then fails to open
    depth = 0
    for index in range(at, len(response)):
        if response[index] == "{":
            depth += 1
        elif response[index] == "}":
            depth -= 1
            if depth == 0:
                boxed = response[at : index + 1]
                return boxed[len("\\boxed{") : -1] if boxed.startswith("\\boxed{") else None
    return None


def srt(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Reward of each response against an answer string: Math-Verify on the whole response."""
    pairs = [(f"\\boxed{{{answer}}}", response) for response, answer in zip(responses, answers, strict=True)]
    return [float(outcome is Outcome.EQUAL) for outcome in math_verify_outcomes(pairs, gold_latex_only=True)]
