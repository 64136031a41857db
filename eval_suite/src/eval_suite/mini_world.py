"""A mini world as an exam: its held-out problems as a task, so that mini runs take the same exam.

Writes a small registry folder (one task, one profile, the data beside them) for ``--registry``. The
problems are the world's test split, which no training of the mini experiments draws from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from shared.files import write_text


def write_world_exam(
    folder: Path, *, modulus: int, levels: Sequence[int], problems: int, n: int, seed: int
) -> str:
    """Write the exam of the arithmetic world; returns its name, which is its task, suite and profile.

    Args:
        folder: becomes a registry; its ``data`` folder goes to ``--data-dir``.
        modulus, levels: the world and which of its levels are asked, in equal shares.
        problems: how many, over all levels.
        n: samples per problem.
        seed: of the problems.
    """
    from shared.data.worlds import (
        Arithmetic,
        evaluation_set,
    )  # loads transformers, which other verbs do without

    world = Arithmetic(modulus=modulus)
    name = f"{world.name}-levels-{'-'.join(map(str, levels))}"
    rows = [
        {
            "id": f"{name}/{index}",
            "problem": problem.prompt,
            "answer": problem.answer,
            "source": name,
            "meta": {"level": f"level {problem.level}"},
        }
        for index, problem in enumerate(evaluation_set(world, levels, problems, seed=seed))
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    write_text(folder / "data" / f"{name}.jsonl", text)
    copy = {"rows": problems, "sha256": hashlib.sha256(text.encode()).hexdigest(), "note": f"seed {seed}"}
    task = {
        "id": name,
        "title": f"{world.name}, test split",
        "domain": "math",
        "data": {"card": name, "rows": problems, "samples": [copy]},
        "n": n,
        "grader": "exact",
        "answer_type": "integer",
        "category": "level",
        "license": "generated",
    }
    profile = {
        "id": name,
        "title": f"{world.name}: the bare problem",
        "source": "ours: the format of the mini experiments",
        "tasks": [name],
        "chat": "none",
        "sampling": {
            "temperature": 1.0,
            "max_new_tokens": max(world.max_new_tokens(level) for level in levels),
        },
        "kinds": {"math": {"prompt": "{problem}"}},
    }
    write_text(folder / "tasks" / f"{name}.yaml", yaml.safe_dump(task, sort_keys=False))
    write_text(folder / "profiles" / f"{name}.yaml", yaml.safe_dump(profile, sort_keys=False))
    return name
