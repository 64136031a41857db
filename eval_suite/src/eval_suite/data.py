"""Problems of a task from a folder of canonical JSONL files, checked against the registry.

A canonical row is ``{id, problem, answer, source, choices?, meta?}``. A file whose row count or
hash is not the expected one stops the run: the hash is the data card's, or the one pinned when the
set was first fetched, or that of a known sample. Fetching is in :mod:`eval_suite.prepare`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from shared.data.canonical import Row, read_rows, row_problem
from shared.data.cards import card_names, load_card, pinned
from shared.problems import Problem

from eval_suite.registry import Sample, Task

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
            f"{task.id}: no {task.data.file} in {folder}. Get it with `python -m eval_suite prepare --suite "
            f"{task.id}` or point --data-dir to a folder that has it"
        )
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = read_rows(path)
    known = {copy.sha256: copy for copy in known_copies(task)}.get(sha)
    if known is None and not accept:
        raise ValueError(_mismatch(task, path, len(rows), sha))
    if known is not None and known.rows != len(rows):
        raise ValueError(f"{task.id}: {known.rows} rows are registered for this hash, {path} has {len(rows)}")
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
        ValueError: the task names no few-shot file.
        FileNotFoundError: it is not in the folder.
    """
    if task.data.few_shot_file is None:
        raise ValueError(
            f"{task.id}: the profile wants examples, but tasks/{task.id}.yaml names no few_shot_file"
        )
    path = folder / task.data.few_shot_file
    if not path.is_file():
        raise FileNotFoundError(
            f"{task.id}: the profile asks it after examples, and there is no {path}: put canonical rows with "
            "a worked answer in meta.cot there"
        )
    return tuple(_problem(task, row) for row in read_rows(path))


def letters_of(problem: Problem) -> str:
    """The option letters of a multiple-choice problem, all ten when its options are unknown."""
    return LETTERS[: len(problem.choices)] if problem.choices else LETTERS


def _problem(task: Task, row: Row) -> Problem:
    if not str(row["answer"]).strip():
        raise ValueError(f"{task.id}: row {row['id']} has an empty reference answer: add it to data.drop")
    return replace(row_problem(row), source=task.id)


def known_copies(task: Task) -> list[Sample]:
    """The copies of a task's file that may be used without saying so: complete ones and samples."""
    copies = list(task.data.samples)
    if task.data.card in card_names():
        card = load_card(task.data.card)
        if card.sha256:
            copies.append(Sample(rows=task.data.rows, sha256=card.sha256, note="complete"))
    pin = pinned(task.data.card)
    if pin.get("sha256"):
        note = f"fetched at {pin.get('revision')}"
        copies.append(Sample(rows=task.data.rows, sha256=pin["sha256"], note=note))
    return copies


def _mismatch(task: Task, path: Path, rows: int, sha: str) -> str:
    copies = "; ".join(f"{c.rows} rows, sha256 {c.sha256[:12]}… ({c.note})" for c in known_copies(task))
    return (
        f"{task.id}: {path} has {rows} rows and sha256 {sha[:12]}…, which is not a copy the registry knows "
        f"({copies or 'none so far'}; the complete set has {task.data.rows} rows). Fetch it again, or pass "
        "--accept-data to use it as it is; the report will say that it was not verified"
    )
