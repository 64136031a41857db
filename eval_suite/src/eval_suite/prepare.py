"""Getting data ready: from a folder of canonical files, or from where the data card says.

Fetching, converting and pinning are the business of ``shared.data``; here a task's files are put in
place and checked against the registry.
"""

from __future__ import annotations

from pathlib import Path

from shared.data.prepare import prepare as prepare_card
from shared.generation import publish

from eval_suite.data import load
from eval_suite.registry import Task


def prepare(task: Task, data_dir: Path, source: Path | None, *, accept: bool = False) -> tuple[str, bool]:
    """Make one task's data ready; returns a line for people and whether it is ready.

    Args:
        source: a folder with canonical files or with files as their source has them; ``None``
            fetches what ``data_dir`` lacks.

    Raises:
        ValueError: a file is there but is not what the registry expects.
    """
    names = [task.data.file, *([task.data.few_shot_file] if task.data.few_shot_file else [])]
    for name in names:
        try:
            _put(name, data_dir, source, accept)
        except (FileNotFoundError, ValueError) as error:
            if name == task.data.file:
                return f"NOT READY: {error}", False
    loaded = load(task, data_dir, accept=accept)
    state = "complete" if loaded.complete else "PARTIAL"
    return f"{len(loaded.problems)} problems, {state}, sha256 {loaded.sha256[:12]} ({loaded.note})", True


def _put(name: str, data_dir: Path, source: Path | None, accept: bool) -> None:
    """Put one canonical file into the data folder, unless it is there."""
    target = data_dir / name
    if target.is_file():
        return
    if source is not None and (source / name).is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".tmp")
        temporary.write_bytes((source / name).read_bytes())
        publish(temporary, target)
        return
    prepare_card(target.stem, data_dir, from_folder=source, accept=accept)
