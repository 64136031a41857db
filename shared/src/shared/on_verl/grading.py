"""The reward function that verl's reward workers call, for validation.

Training rewards come from the recipe, group by group (:mod:`shared.on_verl.judges`); a training
response is therefore not verified here at all. It runs in verl's pool of reward workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.data import UNLABELLED
from shared.on_verl.references import Reference
from shared.problems import Group, Outcome, Problem, Response, Verdict
from shared.training import GradeFn
from shared.verifiers import verify_batch

_graders: dict[str, GradeFn] = {}


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any],
    grader: Mapping[str, Any] | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Score of one response: ``score`` and ``acc`` (1.0 or 0.0), ``pred`` (canonical answer or "").

    ``grader`` names the project's :data:`GradeFn` factory as ``{"path", "args"}``; without it the
    response is compared with the ground truth under the default policy. What broke is ``acc`` 0.0
    and named in ``outcome``.
    """
    if extra_info.get("split") == "train":
        return {"score": 0.0, "acc": 0.0, "pred": "", "outcome": "not_graded"}
    if ground_truth == UNLABELLED:
        raise ValueError(
            f"validation row {extra_info.get('id')} has no label: validate on labelled rows only"
        )
    problem = Problem(
        id=str(extra_info.get("id", "")),
        prompt="",
        answer=ground_truth,
        source=data_source,
        level=extra_info.get("level"),
    )
    verdict = _grade(grader)([Group(problem, (Response(solution_str),))])[0][0]
    answer = verdict.canonical if verdict.canonical is not None else verdict.extracted
    correct = float(verdict.correct)
    return {"score": correct, "acc": correct, "pred": answer or "", "outcome": verdict.outcome.value}


def default_grade(groups: Sequence[Group]) -> list[list[Verdict]]:
    """Every response against its problem's answer, under the default policy, as one batch."""
    texts = [r.text for g in groups for r in g.responses]
    golds = [g.problem.answer or "" for g in groups for _ in g.responses]
    verdicts = iter(verify_batch(texts, golds))
    return [[next(verdicts) for _ in g.responses] for g in groups]


def _grade(grader: Mapping[str, Any] | None) -> GradeFn:
    if grader is None:
        return default_grade
    if grader["path"] not in _graders:  # one grader per reward worker
        _graders[grader["path"]] = Reference(grader["path"], tuple(grader["args"])).call()
    return _graders[grader["path"]]


def failures(outcomes: Sequence[str]) -> float:
    """Share of responses that no verdict was reached for (timeout, error, unreadable gold)."""
    broken = {Outcome.TIMEOUT.value, Outcome.ERROR.value, Outcome.BAD_GOLD.value}
    return sum(o in broken for o in outcomes) / len(outcomes) if outcomes else 0.0
