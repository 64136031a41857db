"""Math-Verify's metric in a worker process, where it cannot hang or be confused by threads.

The originals call it in the main process with signal timeouts and score every failure as 0; so does
this, but the number of failures stays visible in the outcome.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.problems import Outcome
from shared.verifiers.pool import Job, shared_pool


def math_verify_outcomes(pairs: Sequence[tuple[str, str]], gold_latex_only: bool = False) -> list[Outcome]:
    """Outcome of ``math_verify.verify(parse(gold), parse(text))`` for each (gold, text).

    Args:
        pairs: full texts; Math-Verify does its own extraction.
        gold_latex_only: extract only LaTeX from the gold (SRT), not plain expressions as well (SeRL).
    """
    distinct = list(dict.fromkeys(pairs))
    decisions = shared_pool().decide_all([Job(gold, text, None, gold_latex_only) for gold, text in distinct])
    known = {pair: outcome for pair, (outcome, _) in zip(distinct, decisions, strict=True)}
    return [known[pair] for pair in pairs]
