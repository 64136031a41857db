"""The named modes: what grades a set of (response, reference) pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.verifiers.policy import BOXED, MATH, Policy
from shared.verifiers.shipped.guru import guru_letter, guru_letter_line, guru_math, guru_table
from shared.verifiers.shipped.rlt import rlt_letter, rlt_math
from shared.verifiers.shipped.sept import sept
from shared.verifiers.shipped.serl import serl
from shared.verifiers.shipped.srt import srt
from shared.verifiers.verify import verify_batch

Grader = Callable[[Sequence[str], Sequence[str]], list[float]]


def _ours(policy: Policy) -> Grader:
    return lambda responses, answers: [verdict.score for verdict in verify_batch(responses, answers, policy)]


MODES: dict[str, Grader] = {
    "ours": _ours(MATH),
    "ours_boxed": _ours(BOXED),
    "srt_shipped": srt,
    "serl_shipped": serl,
    "sept_shipped": sept,
    "rlt_shipped": rlt_math,
    "guru_shipped": guru_math,
    "guru_table_shipped": guru_table,
    "guru_letter_shipped": guru_letter,
    "guru_letter_line_shipped": guru_letter_line,
    "rlt_letter_shipped": rlt_letter,
}
"""Graders by name: (responses, reference answers) to scores in {0, 1}."""
