"""Exact pass@k and maj@k from the flat lists that verl's validation collects.

verl reports best@k and maj@k as bootstrap means; these are the unbiased estimators of
:mod:`shared.metrics`, under the names of the local engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.metrics import summarize
from shared.on_verl.grading import failures


def validation_metrics(
    sources: Sequence[str], uids: Sequence[str], infos: Mapping[str, Sequence[Any]]
) -> dict[str, float]:
    """``val/<metric>`` over all problems, and ``val/<source>/<metric>`` when there are several sources.

    Args:
        sources, uids: data source and prompt uid of each sample.
        infos: the lists ``acc``, ``pred`` and ``outcome`` of :func:`shared.on_verl.grading.compute_score`.
    """
    out = _summary("val", range(len(uids)), uids, infos)
    names = list(dict.fromkeys(sources))
    if len(names) > 1:
        for name in names:
            rows = [i for i, source in enumerate(sources) if source == name]
            out |= _summary(f"val/{name}", rows, uids, infos)
    return out


def _summary(
    prefix: str, rows: Sequence[int], uids: Sequence[str], infos: Mapping[str, Sequence[Any]]
) -> dict[str, float]:
    correct: dict[str, list[bool]] = {}
    answers: dict[str, list[str | None]] = {}
    for i in rows:
        correct.setdefault(uids[i], []).append(bool(infos["acc"][i]))
        answers.setdefault(uids[i], []).append(infos["pred"][i] or None)
    n = min(len(samples) for samples in correct.values())  # a failed rollout shortens its group
    summary = summarize([c[:n] for c in correct.values()], [a[:n] for a in answers.values()])
    broken = failures([infos["outcome"][i] for i in rows])
    named = {f"{prefix}/{name}": float(value) for name, value in summary.items()}
    return named | {f"{prefix}/verifier_failures": broken}
