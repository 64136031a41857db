"""All the usual numbers of one evaluation in one call."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from shared.metrics.draws import (
    Array,
    as_scores,
    avg_at_n,
    best_at_k,
    default_ks,
    pass_at_k,
    worst_at_k,
)
from shared.metrics.majority import encode_answers, maj_at_k, vote_share


def per_problem(
    scores: ArrayLike,
    answer_keys: ArrayLike | Sequence[Sequence[Hashable | None]] | None = None,
    ks: Sequence[int] | None = None,
) -> dict[str, Array]:
    """Metric name → [problems] values, the input of intervals and paired comparisons.

    ``pass@k`` for every k. With answer keys also ``maj@k``, ``gap@k`` = pass@k − maj@k,
    ``vote_share`` (of the most frequent answer) and ``no_answer`` (share of samples without
    one). With graded scores also ``score`` (mean credit), ``best@k`` and ``worst@k``; pass@k
    then counts full credit only.

    Args:
        scores: [problems, n] booleans or scores in [0, 1].
        answer_keys: [problems, n] integer classes (−1 = no answer) or texts (``None`` = no answer).
        ks: default: powers of two up to n, and n.
    """
    values = as_scores(scores)
    ks = tuple(ks) if ks is not None else default_ks(values.shape[1])
    passed = pass_at_k(values, ks)
    result = {f"pass@{k}": passed[:, i] for i, k in enumerate(ks)}
    if answer_keys is not None:
        keys = np.asarray(answer_keys)
        if not np.issubdtype(keys.dtype, np.integer):
            keys = encode_answers(answer_keys)  # type: ignore[arg-type]
        majority = maj_at_k(values, keys, ks).values
        result |= {f"maj@{k}": majority[:, i] for i, k in enumerate(ks)}
        result |= {f"gap@{k}": passed[:, i] - majority[:, i] for i, k in enumerate(ks)}
        result["vote_share"] = vote_share(keys)
        result["no_answer"] = np.asarray((keys < 0).mean(axis=1))
    if bool(((values > 0) & (values < 1)).any()):
        best, worst = best_at_k(values, ks), worst_at_k(values, ks)
        result["score"] = avg_at_n(values)
        result |= {f"best@{k}": best[:, i] for i, k in enumerate(ks)}
        result |= {f"worst@{k}": worst[:, i] for i, k in enumerate(ks)}
    return result


def summarize(
    correct: ArrayLike,
    answer_keys: ArrayLike | Sequence[Sequence[Hashable | None]] | None = None,
    ks: Sequence[int] | None = None,
) -> dict[str, float]:
    """The means over problems of :func:`per_problem`, and ``n_problems`` and ``n_samples``."""
    columns = per_problem(correct, answer_keys, ks)
    problems, n = np.shape(correct)
    return {name: float(column.mean()) for name, column in columns.items()} | {
        "n_problems": float(problems),
        "n_samples": float(n),
    }
