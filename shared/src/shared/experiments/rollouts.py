"""A small sample of graded rollouts that a report can show, kept beside the results.

Run folders dump every rollout of some steps; this picks a few groups of a dump, grades them against
the true answer, and stores them, so that a report can be made again without the run folders.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.experiments.checks import fields, integer, items, text
from shared.files import read_json, write_json

GradeFn = Callable[[str, str], bool]
"""(response, true answer) -> whether it is right."""


@dataclass(frozen=True, slots=True)
class SampledResponse:
    """One response.

    Attributes:
        text: as generated; hostile until escaped.
        correct: against the true answer, None when that is unknown.
        voted: whether it agrees with the label that the arm trained on, None without one.
        reward: what it earned.
    """

    text: str
    correct: bool | None
    voted: bool | None
    reward: float


@dataclass(frozen=True, slots=True)
class SampledGroup:
    """One problem with responses of one step of one run."""

    arm: str
    seed: int
    step: int
    problem: str
    prompt: str
    answer: str | None
    label: str | None
    vote_share: float | None
    responses: tuple[SampledResponse, ...]


def sample_rollouts(
    dump: Path,
    *,
    arm: str,
    seed: int,
    step: int,
    grade: GradeFn,
    groups: int = 8,
    responses: int = 8,
) -> list[SampledGroup]:
    """Pick groups of a training dump (``rollouts/step-*.jsonl.gz``), the same ones every time.

    Args:
        dump: the file.
        arm, seed, step: where it comes from; they also seed the choice.
        grade: tells right from wrong.
        groups: groups to pick at most.
        responses: responses to keep of each, from the first on.
    """
    with gzip.open(dump, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    chosen = random.Random(f"{arm}/{seed}/{step}").sample(rows, min(groups, len(rows)))
    return [_from_dump(row, arm, seed, step, grade, responses) for row in chosen]


def write_samples(path: Path, groups: Sequence[SampledGroup]) -> None:
    """Store a sample as JSON."""
    write_json(path, [asdict(g) for g in groups])


def read_samples(path: Path) -> list[SampledGroup]:
    """Read a stored sample.

    Raises:
        ValueError: the file is missing or is not such a sample.
    """
    return [_group(g, f"{path}: [{i}]") for i, g in enumerate(items(read_json(path), str(path)))]


def _from_dump(
    row: Mapping[str, Any], arm: str, seed: int, step: int, grade: GradeFn, responses: int
) -> SampledGroup:
    answer = row["answer"]
    return SampledGroup(
        arm=arm,
        seed=seed,
        step=step,
        problem=row["problem"],
        prompt=row["prompt"],
        answer=answer,
        label=row["label"],
        vote_share=row["vote_share"],
        responses=tuple(
            SampledResponse(
                text=r["text"],
                correct=None if answer is None else grade(r["text"], answer),
                voted=r["outcome"] == "equal" if "outcome" in r else None,
                reward=r["reward"],
            )
            for r in row["responses"][:responses]
        ),
    )


def _group(value: Any, where: str) -> SampledGroup:
    group = fields(value, where, SampledGroup.__dataclass_fields__)
    responses = []
    for i, r in enumerate(items(group["responses"], f"{where}.responses")):
        responses.append(
            SampledResponse(**fields(r, f"{where}.responses[{i}]", SampledResponse.__dataclass_fields__))
        )
    return SampledGroup(
        **group
        | {
            "arm": text(group["arm"], f"{where}.arm"),
            "seed": integer(group["seed"], f"{where}.seed"),
            "step": integer(group["step"], f"{where}.step"),
            "responses": tuple(responses),
        }
    )
