"""What an evaluation says, with its uncertainty: pass@k, maj@k, best@k, intervals, comparisons."""

from shared.metrics.draws import (
    FULL_CREDIT,
    avg_at_n,
    best_at_k,
    default_ks,
    partial_credit,
    pass_at_k,
    worst_at_k,
)
from shared.metrics.intervals import (
    Comparison,
    Interval,
    TwoLevel,
    bootstrap_interval,
    bootstrap_intervals,
    compare_paired,
    two_level_interval,
)
from shared.metrics.majority import MajorityEstimate, TieRule, encode_answers, maj_at_k, vote_share
from shared.metrics.summary import per_problem, summarize

__all__ = [
    "FULL_CREDIT",
    "Comparison",
    "Interval",
    "MajorityEstimate",
    "TieRule",
    "TwoLevel",
    "avg_at_n",
    "best_at_k",
    "bootstrap_interval",
    "bootstrap_intervals",
    "compare_paired",
    "default_ks",
    "encode_answers",
    "maj_at_k",
    "partial_credit",
    "pass_at_k",
    "per_problem",
    "summarize",
    "two_level_interval",
    "vote_share",
    "worst_at_k",
]
