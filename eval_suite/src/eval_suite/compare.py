"""Paired comparison of two runs of the same exam, problem by problem.

Runs are comparable when everything but the model is the same: data, prompts, examples, sampling,
samples per problem. Otherwise the comparison is refused and the difference named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.metrics import Comparison, compare_paired

from eval_suite.layout import OutputFolder
from eval_suite.measure import TaskResult
from eval_suite.stages import measure_all

_OF_THE_MODEL = ("engine",)
_OF_THE_TEMPLATE = (
    "template_sha",
    "vocabulary",
)  # another model may bring another template: said, not refused


@dataclass(frozen=True)
class Row:
    """One task: run B against run A."""

    task: str
    first: float
    second: float
    result: Comparison
    remark: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare_runs(
    first: OutputFolder,
    second: OutputFolder,
    data_dir: Path,
    *,
    only: str | None = None,
    grader: str | None = None,
) -> list[Row]:
    """Compare the tasks that both runs have.

    Raises:
        ValueError: nothing in common, a run misses draws, or the exams differ.
    """
    a, _ = measure_all(first, data_dir, only=only, grader=grader)
    b, _ = measure_all(second, data_dir, only=only, grader=grader)
    by_task = {result.task.id: result for result in b}
    common = [(result, by_task[result.task.id]) for result in a if result.task.id in by_task]
    if not common:
        raise ValueError(f"{first.root} and {second.root} have no task in common")
    return [_compare(x, y) for x, y in common]


def _compare(a: TaskResult, b: TaskResult) -> Row:
    for result in (a, b):
        if result.avg is None:
            raise ValueError(
                f"{result.task.id}: {'; '.join(result.reasons)}; finish the run before comparing"
            )
    remark = _check_same_exam(a, b)
    return Row(
        task=a.task.id,
        first=float(a.per_problem().mean()),
        second=float(b.per_problem().mean()),
        result=compare_paired(a.per_problem(), b.per_problem()),
        remark=remark,
    )


def _check_same_exam(a: TaskResult, b: TaskResult) -> str:
    one, two = _exam(a), _exam(b)
    differing = sorted(key for key in one | two if one.get(key) != two.get(key))
    serious = [key for key in differing if key.rpartition(".")[2] not in _OF_THE_TEMPLATE]
    if serious:
        details = ", ".join(f"{key} ({one.get(key)!r} and {two.get(key)!r})" for key in serious)
        raise ValueError(f"{a.task.id}: these runs took different exams: {details}")
    return "different chat templates" if any(key.endswith("template_sha") for key in differing) else ""


def _exam(result: TaskResult) -> dict[str, Any]:
    exam: dict[str, Any] = {"n": result.n, "problems": [group.problem.id for group, _ in result.groups]}
    for key, value in result.description.items():
        if key in _OF_THE_MODEL:
            continue
        if isinstance(value, dict):
            exam |= {f"{key}.{name}": part for name, part in value.items()}
        else:
            exam[key] = value
    return exam


def format_comparison(rows: Sequence[Row]) -> str:
    """A Markdown table; differences are B minus A in points."""
    lines = [
        "| task | A | B | B - A [95 %] | p | better | worse | problems | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        r = row.result
        lines.append(
            f"| {row.task} | {100 * row.first:.1f} | {100 * row.second:.1f} | {100 * r.difference:+.1f} "
            f"[{100 * r.low:+.1f}, {100 * r.high:+.1f}] | {r.p_value:.3f} | {r.wins} | {r.losses} | "
            f"{r.n_problems} | {row.remark} |"
        )
    return "\n".join(lines)
