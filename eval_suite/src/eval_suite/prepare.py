"""Getting data ready: from a folder of canonical files, or from where the data card says.

Fetching, converting and pinning are the business of ``shared.data``; here a task's file is put in
place and checked against the registry.
"""

from __future__ import annotations

from pathlib import Path

from shared.generation import publish

from eval_suite.data import load
from eval_suite.registry import Task


def prepare(task: Task, data_dir: Path, source: Path | None, *, accept: bool = False) -> tuple[str, bool]:
    """Make one task's data ready; returns a line for people and whether it is ready.

    Args:
        source: take the file from this folder; ``None`` fetches it when ``data_dir`` lacks it.

    Raises:
        ValueError: a file is there but is not what the registry expects.
    """
    names = [task.data.file, *([task.data.few_shot_file] if task.data.few_shot_file else [])]
    for name in names:
        if not (data_dir / name).is_file() and source is not None and (source / name).is_file():
            _copy(source / name, data_dir / name)
    if not (data_dir / task.data.file).is_file():
        return f"not in {source or data_dir}", False
    loaded = load(task, data_dir, accept=accept)
    state = "complete" if loaded.complete else "PARTIAL"
    return f"{len(loaded.problems)} problems, {state}, sha256 {loaded.sha256[:12]} ({loaded.note})", True


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_bytes(source.read_bytes())
    publish(temporary, target)
