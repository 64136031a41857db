"""SeRL: Math-Verify in both directions, and the majority vote over prompt plus response.

Kept as shipped: the vote compares full texts *with the prompt*, so a response without an answer is
read as the last number of the question, and silent responses agree with each other (the hacking door
that the paper's difficulty bounds close). The evaluation's denominator bug (unparseable rows left
out) belongs to a metric, not to a verdict, and is not reproduced here.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.problems import Outcome
from shared.verifiers.shipped.mathverify import math_verify_outcomes


def serl_equality(texts: Sequence[str]) -> list[list[bool]]:
    """The n x n matrix of "i as reference equals j, or j as reference equals i"; the diagonal is true.

    A comparison that fails or times out counts as unequal.
    """
    n = len(texts)
    pairs = [(texts[i], texts[j]) for i in range(n) for j in range(n) if i != j]
    outcomes = dict(zip(pairs, math_verify_outcomes(pairs), strict=True))
    equal = [[i == j for j in range(n)] for i in range(n)]
    for i in range(n):
        for j in range(n):
            if i != j:
                either = (outcomes[(texts[i], texts[j])], outcomes[(texts[j], texts[i])])
                equal[i][j] = Outcome.EQUAL in either
    return equal


def majority_by_matrix(equal: Sequence[Sequence[bool]]) -> tuple[int, list[float]]:
    """Winner (largest row sum, ties to the lowest index) and rewards (1 where equal to the winner)."""
    if not equal:
        raise ValueError("A vote needs at least one response.")
    sums = [sum(row) for row in equal]
    winner = sums.index(max(sums))
    return winner, [float(value) for value in equal[winner]]


def serl_vote(prompt: str, responses: Sequence[str]) -> list[float]:
    """Majority rewards of one group as shipped: compared with the prompt text in front."""
    return majority_by_matrix(serl_equality([prompt + response for response in responses]))[1]


def serl(responses: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Evaluation score: the response alone against ``\\boxed{answer}``, either direction suffices."""
    golds = [answer if "\\boxed" in answer else f"\\boxed{{{answer}}}" for answer in answers]
    forward = list(zip(golds, responses, strict=True))
    backward = [(response, gold) for gold, response in forward]
    outcomes = math_verify_outcomes(forward + backward)
    n = len(responses)
    return [float(Outcome.EQUAL in (outcomes[i], outcomes[n + i])) for i in range(n)]
