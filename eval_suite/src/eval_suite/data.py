"""Problems of a task from a folder of canonical JSONL files, checked against the registry.

A canonical row is ``{id, problem, answer, source, choices?, meta?}``. A file whose row count or
hash is not the expected one stops the run. Downloading from a hub is in :mod:`eval_suite.prepare`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.problems import Problem

from eval_suite.registry import KnownFile, Task

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Loaded:
    """A task's problems as they will be asked.

    Attributes:
        problems: in file order, defects dropped, subsample taken.
        sha256: of the file's bytes; part of the fingerprint.
        complete: whether this is the whole set of the registry (not a sample of it).
        verified: whether the file is a known one.
        note: what is known of the copy.
    """

    problems: tuple[Problem, ...]
    sha256: str
    complete: bool
    verified: bool
    note: str


def load(task: Task, folder: Path, *, accept: bool = False) -> Loaded:
    """Read and check a task's file.

    Args:
        folder: holds ``task.data.file``.
        accept: take a file that the registry does not know; the report will say so.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: wrong hash or row count, or rows that are not in canonical form.
    """
    path = folder / task.data.file
    if not path.is_file():
        raise FileNotFoundError(
            f"{task.id}: no {task.data.file} in {folder}. Get it with `python -m eval_suite prepare --tasks "
            f"{task.id}` or point --data-dir to a folder that has it"
        )
    raw = path.read_bytes()
    sha = hashlib.sha256(raw).hexdigest()
    rows = _parse(raw, path)
    known = next((k for k in task.data.known if k.sha256 == sha), None) or _prepared(path, sha)
    if known is None and not accept:
        raise ValueError(_mismatch(task, path, len(rows), sha))
    if known is not None and known.rows != len(rows):
        raise ValueError(
            f"{task.id}: the registry says {known.rows} rows for this hash, {path} has {len(rows)}"
        )
    kept = [row for row in rows if row["id"] not in task.data.drop]
    if task.data.subsample and len(kept) > task.data.subsample:
        chosen = sorted(kept, key=lambda row: hashlib.sha256(row["id"].encode()).digest())[
            : task.data.subsample
        ]
        ids = {row["id"] for row in chosen}
        kept = [row for row in kept if row["id"] in ids]
    return Loaded(
        problems=tuple(_problem(task, row) for row in kept),
        sha256=sha,
        complete=len(rows) == task.data.rows,
        verified=known is not None,
        note=known.note if known is not None else "unknown copy, accepted by hand",
    )


def read_examples(task: Task, folder: Path) -> tuple[Problem, ...]:
    """The few-shot examples of a task.

    Raises:
        ValueError: the task names no few-shot file, or it is not in the folder.
    """
    if task.data.few_shot_file is None:
        raise ValueError(
            f"{task.id}: the profile wants examples, but tasks/{task.id}.yaml names no few_shot_file"
        )
    path = folder / task.data.few_shot_file
    if not path.is_file():
        raise ValueError(
            f"{task.id}: the profile wants examples from {path}, which does not exist: prepare it"
        )
    return tuple(_problem(task, row) for row in _parse(path.read_bytes(), path))


def letters_of(problem: Problem) -> str:
    """The option letters of a multiple-choice problem, all ten when its options are unknown."""
    return LETTERS[: len(problem.choices)] if problem.choices else LETTERS


def _parse(raw: bytes, path: Path) -> list[dict[str, Any]]:
    rows = []
    seen: set[str] = set()
    for number, line in enumerate(raw.decode("utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        row = json.loads(line)
        missing = {"id", "problem", "answer"} - set(row)
        if missing:
            raise ValueError(f"{path} line {number} lacks {', '.join(sorted(missing))}")
        if row["id"] in seen:
            raise ValueError(f"{path} line {number} repeats the id {row['id']!r}: ids must be unique")
        seen.add(row["id"])
        rows.append(row)
    return rows


def _problem(task: Task, row: dict[str, Any]) -> Problem:
    if not str(row["answer"]).strip():
        raise ValueError(f"{task.id}: row {row['id']} has an empty reference answer: add it to data.drop")
    choices = row.get("choices")
    return Problem(
        id=row["id"],
        prompt=row["problem"],
        answer=str(row["answer"]),
        source=task.id,
        choices=tuple(choices) if isinstance(choices, list) else None,
        meta=row.get("meta") or {},
    )


def _prepared(path: Path, sha: str) -> KnownFile | None:
    """What ``prepare`` noted beside a file it wrote, if the file is still that one."""
    note = path.with_suffix(".source.json")
    if not note.is_file():
        return None
    stored = json.loads(note.read_text(encoding="utf-8"))
    if stored["sha256"] != sha:
        return None
    return KnownFile(rows=stored["rows"], sha256=sha, note=f"{stored['hub_id']} at {stored['revision']}")


def _mismatch(task: Task, path: Path, rows: int, sha: str) -> str:
    known = "; ".join(
        f"{k.rows} rows, sha256 {k.sha256[:12]}… ({k.note or 'complete'})" for k in task.data.known
    )
    return (
        f"{task.id}: {path} has {rows} rows and sha256 {sha[:12]}…, which is not a copy the registry knows "
        f"({known or 'none so far'}; the complete set has {task.data.rows} rows). Fetch it again, or pass "
        "--accept-data to use it as it is; the report will say that it was not verified"
    )
