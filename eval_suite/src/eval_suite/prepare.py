"""Getting data into canonical JSONL: from a folder, or from the hub as the data card says.

A file taken from the hub gets a small note beside it (hub id, revision, rows, hash), by which later
stages know it; the row count must be the registry's. How the columns of each source become
``{id, problem, answer, choices, meta}`` is in :mod:`eval_suite.sources`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import yaml
from shared.generation import publish, write_text

from eval_suite.data import load
from eval_suite.registry import Task
from eval_suite.sources import convert, convert_examples

CARDS = Path(os.environ.get("REASONING_CARDS", "data/cards"))


def prepare(task: Task, data_dir: Path, source: Path | None, *, accept: bool = False) -> tuple[str, bool]:
    """Make one task's data ready; returns a line for people and whether it is ready.

    Args:
        source: take the file from this folder; ``None`` fetches it from the hub when it is not in
            ``data_dir`` yet.

    Raises:
        ValueError: a file is there but is not what the registry expects.
    """
    target = data_dir / task.data.file
    if not target.is_file() and source is not None:
        found = source / task.data.file
        if not found.is_file():
            return f"not in {source}", False
        _copy(found, target)
        if task.data.few_shot_file and (source / task.data.few_shot_file).is_file():
            _copy(source / task.data.few_shot_file, data_dir / task.data.few_shot_file)
    if not target.is_file():
        problem = _from_hub(task, data_dir)
        if problem:
            return problem, False
    loaded = load(task, data_dir, accept=accept)
    state = "complete" if loaded.complete else "SAMPLE of the set"
    return f"{len(loaded.problems)} problems, {state}, sha256 {loaded.sha256[:12]} ({loaded.note})", True


def read_card(name: str) -> dict[str, Any] | None:
    """The data card of a set, ``None`` if there is none."""
    path = CARDS / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None


def _from_hub(task: Task, data_dir: Path) -> str:
    """Fetch and convert; an empty string, or why that was not possible."""
    card = read_card(task.data.card)
    hub = (card or {}).get("hub_id")
    if card is None or not hub:
        return f"no hub id in {CARDS / task.data.card}.yaml: put {task.data.file} into {data_dir} yourself"
    try:
        import datasets
    except ImportError:
        return "fetching needs the hub extra: pip install 'reasoning-eval-suite[hub]'"
    revision = card.get("revision")
    try:
        rows = datasets.load_dataset(
            hub, card.get("config"), split=card.get("split", "test"), revision=revision
        )
    except (OSError, datasets.exceptions.DatasetsError) as error:
        return f"the hub did not give {hub} ({type(error).__name__}: {error})"
    canonical = convert(task.id, list(rows))
    if len(canonical) != task.data.rows:
        raise ValueError(
            f"{task.id}: {hub} at {revision} gives {len(canonical)} rows, the registry expects "
            f"{task.data.rows}: pin the revision of the card, or correct the registry"
        )
    write_canonical(data_dir / task.data.file, canonical, hub, str(revision))
    if task.data.few_shot_file and card.get("few_shot_split"):
        shots = datasets.load_dataset(
            hub, card.get("config"), split=card["few_shot_split"], revision=revision
        )
        write_canonical(
            data_dir / task.data.few_shot_file, convert_examples(task.id, list(shots)), hub, str(revision)
        )
    return ""


def write_canonical(path: Path, rows: list[dict[str, Any]], hub: str, revision: str) -> None:
    """Write a canonical file and the note of where it came from."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_text(path, text)
    sha = hashlib.sha256(text.encode()).hexdigest()
    note = {"hub_id": hub, "revision": revision, "rows": len(rows), "sha256": sha}
    write_text(path.with_suffix(".source.json"), json.dumps(note, indent=1) + "\n")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_bytes(source.read_bytes())
    publish(temporary, target)
