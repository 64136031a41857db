"""The engine that answers from a recording: regrading, tests, chaos drills, other harnesses' output.

A recording is a JSONL file with ``task``, ``problem_id``, ``sample``, ``text`` and, optionally,
``finish_reason`` and ``n_response_tokens``; a folder is read as the draws of an earlier run.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from shared.generation.engines.interface import make_draw
from shared.generation.requests import Draw, SamplingSettings, Unit
from shared.generation.store import PartStore


class ReplayEngine:
    """Looks samples up by (task, problem, sample).

    Args:
        recording: JSONL file, or a folder of parts anywhere below which draws are stored.
        delay: seconds to wait before each unit, to rehearse kills and progress.
    """

    name = "replay"
    context: int | None = None

    def __init__(self, recording: Path, *, delay: float = 0.0) -> None:
        if not recording.exists():
            raise ValueError(f"there is no recording at {recording}: give a JSONL file or a folder of draws")
        self._rows = _load_folder(recording) if recording.is_dir() else _load_file(recording)
        self._delay = delay
        text = json.dumps(sorted((*key, row["text"]) for key, row in self._rows.items()), ensure_ascii=False)
        self._sha = hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self) -> dict[str, Any]:
        """See :class:`Engine`; the recording's content is its identity."""
        return {"engine": self.name, "model": f"replay-{self._sha[:8]}", "sha": self._sha}

    def generate(self, units: Iterable[Unit], settings: SamplingSettings) -> Iterator[list[Draw]]:
        """See :class:`Engine`. A sample that was not recorded is an error, not an empty answer."""
        for unit in units:
            time.sleep(self._delay)
            yield [self._draw(unit, sample, settings) for sample in unit.samples]

    def _draw(self, unit: Unit, sample: int, settings: SamplingSettings) -> Draw:
        key = (unit.prompt.task, unit.prompt.problem_id, sample)
        row = self._rows.get(key)
        if row is None:
            raise ValueError(
                f"the recording has no sample {sample} of {key[0]} problem {key[1]}: record it, or ask for "
                "fewer samples (--n) or problems (--limit)"
            )
        return make_draw(
            unit,
            sample,
            settings,
            text=row["text"],
            finish_reason=row.get("finish_reason", "stop"),
            n_response_tokens=row.get("n_response_tokens", len(row["text"].split())),
            engine=self.name,
            seconds=0.0,
        )


def write_recording(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a recording file: rows with ``task``, ``problem_id``, ``sample``, ``text``."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _load_file(path: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    rows = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        row = json.loads(line)
        missing = {"task", "problem_id", "sample", "text"} - set(row)
        if missing:
            raise ValueError(f"{path} line {number} lacks {', '.join(sorted(missing))}")
        rows[(row["task"], row["problem_id"], row["sample"])] = row
    return rows


def _load_folder(folder: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    rows = {}
    for sub in sorted({part.parent for part in folder.rglob("part-*")}):
        for draw in PartStore(sub, Draw).load():
            rows[(draw.task, draw.problem_id, draw.sample)] = {
                "text": draw.text,
                "finish_reason": draw.finish_reason,
                "n_response_tokens": draw.n_response_tokens,
            }
    return rows
