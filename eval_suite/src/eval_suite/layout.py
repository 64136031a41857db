"""Where things lie in an output folder.

    OUT/suite.json                          which suite and profile this folder answers
    OUT/gen/<task>/<fingerprint>/plan.json  what determined the draws; how many are wanted
    OUT/gen/<task>/<fingerprint>/part-*     the draws
    OUT/score/<grader>/<task>/<fingerprint>/part-*
    OUT/report/<grader>/...

Every file is written atomically or append-only; any stage can be killed and run again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.files import write_text
from shared.generation import Draw, PartStore

from eval_suite.plan import TaskPlan


@dataclass(frozen=True)
class SuiteRecord:
    """What a folder was made for: the whole suite, also when only some tasks were run."""

    suite: str
    profile: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Generated:
    """The stored draws of one task.

    Attributes:
        task: id.
        fingerprint: of the plan.
        n: samples per problem that were asked for.
        problems: ids in data order.
        grader: the default grader.
        data: copy of the data that was used: sha256, complete, verified, note, rows.
        description: what determined the draws.
    """

    task: str
    fingerprint: str
    n: int
    problems: tuple[str, ...]
    grader: str
    data: dict[str, Any]
    description: dict[str, Any]


class OutputFolder:
    """Reads and writes one output folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def draws(self, task: str, fingerprint: str) -> PartStore[Draw]:
        """The store of one task's draws."""
        return PartStore(self.root / "gen" / task / fingerprint, Draw)

    def scores(self, grader: str, task: str, fingerprint: str) -> Path:
        """The folder of one grader's verdicts on them."""
        return self.root / "score" / grader / task / fingerprint

    def write_suite(self, record: SuiteRecord) -> None:
        """Note the suite; a folder belongs to one suite and profile.

        Raises:
            ValueError: the folder already answers another one.
        """
        path = self.root / "suite.json"
        if path.is_file():
            old = self.suite()
            if old != record:
                raise ValueError(
                    f"{self.root} holds suite {old.suite} under profile {old.profile}; you asked for "
                    f"{record.suite} under {record.profile}: choose another --out"
                )
            return
        body = {"suite": record.suite, "profile": record.profile, "tasks": list(record.tasks)}
        write_text(path, json.dumps(body, indent=1) + "\n")

    def suite(self) -> SuiteRecord:
        """The suite this folder answers.

        Raises:
            FileNotFoundError: nothing was generated here yet.
        """
        path = self.root / "suite.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.root} holds no evaluation: run `eval_suite generate --out {self.root}`"
            )
        body = json.loads(path.read_text(encoding="utf-8"))
        return SuiteRecord(body["suite"], body["profile"], tuple(body["tasks"]))

    def write_plan(self, plan: TaskPlan) -> None:
        """Note what is wanted of a task; asking for more samples or problems later widens it."""
        path = self.root / "gen" / plan.task.id / plan.fingerprint / "plan.json"
        problems = [prompt.problem_id for prompt in plan.prompts]
        n = plan.n
        if path.is_file():
            old = json.loads(path.read_text(encoding="utf-8"))
            problems = max(problems, old["problems"], key=len)
            n = max(n, old["n"])
        body = {
            "task": plan.task.id,
            "n": n,
            "problems": problems,
            "grader": plan.grader,
            "data": {
                "sha256": plan.loaded.sha256,
                "complete": plan.loaded.complete,
                "verified": plan.loaded.verified,
                "note": plan.loaded.note,
                "rows": len(plan.loaded.problems),
            },
            "description": plan.description,
        }
        text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)

    def generated(self, only: str | None = None) -> list[Generated]:
        """What was generated, in the order of the suite.

        Raises:
            ValueError: a task was generated under two different descriptions.
        """
        wanted = only.split(",") if only else None
        found = []
        for task in self.suite().tasks:
            if wanted is not None and task not in wanted:
                continue
            plans = sorted((self.root / "gen" / task).glob("*/plan.json"))
            if len(plans) > 1:
                raise ValueError(_ambiguous(task, plans))
            for path in plans:
                body = json.loads(path.read_text(encoding="utf-8"))
                body["problems"] = tuple(body["problems"])
                found.append(Generated(fingerprint=path.parent.name, **body))
        if not found:
            raise FileNotFoundError(f"{self.root} holds no generated task: run `eval_suite generate` first")
        return found


def _ambiguous(task: str, plans: list[Path]) -> str:
    bodies = [json.loads(path.read_text(encoding="utf-8"))["description"] for path in plans]
    differing = sorted(key for key in bodies[0] if any(body[key] != bodies[0][key] for body in bodies[1:]))
    folders = ", ".join(str(path.parent) for path in plans)
    return (
        f"{task} was generated here more than once with different {', '.join(differing)} ({folders}): "
        "remove or move the one you do not want, or use a separate --out for each setting"
    )
