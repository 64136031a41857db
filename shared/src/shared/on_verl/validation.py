"""Exact pass@k and maj@k from the flat lists that verl's validation collects.

verl reports best@k and maj@k as bootstrap means; these are the unbiased estimators of
:mod:`shared.metrics`, grouped by data source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.metrics import summarize
from shared.on_verl.grading import failures


def validation_metrics(
    sources: Sequence[str], uids: Sequence[str], infos: Mapping[str, Sequence[Any]]
) -> dict[str, float]:
    """``eval/<source>/<metric>`` for every data source.

    Args:
        sources, uids: data source and prompt uid of each sample.
        infos: the lists ``acc``, ``pred`` and ``outcome`` of :func:`shared.on_verl.grading.compute_score`.
    """
    out: dict[str, float] = {}
    for source in dict.fromkeys(sources):
        rows = [i for i, s in enumerate(sources) if s == source]
        correct: dict[str, list[bool]] = {}
        answers: dict[str, list[str | None]] = {}
        for i in rows:
            correct.setdefault(uids[i], []).append(bool(infos["acc"][i]))
            answers.setdefault(uids[i], []).append(infos["pred"][i] or None)
        n = min(len(samples) for samples in correct.values())  # a failed rollout shortens its group
        summary = summarize([c[:n] for c in correct.values()], [a[:n] for a in answers.values()])
        out |= {f"eval/{source}/{name}": float(value) for name, value in summary.items()}
        out[f"eval/{source}/verifier_failures"] = failures([infos["outcome"][i] for i in rows])
    return out
