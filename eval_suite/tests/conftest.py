"""Small canonical data, recordings and folders for the tests of the exam."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eval_suite.cli import main
from shared.generation import write_recording

from eval_suite import registry

BENCHMARKS = Path(__file__).resolve().parents[2].parent / "shared" / "benchmarks"


@pytest.fixture
def benchmarks() -> Path:
    """The development copies of the real sets; tests that need them skip without."""
    if not BENCHMARKS.is_dir():
        pytest.skip("no ../shared/benchmarks beside the repository")
    return BENCHMARKS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three made-up tasks under real ids: 3 integers, 2 choices, 2 school problems."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows: dict[str, list[dict[str, Any]]] = {
        "aime24": [
            {"id": f"aime24/{i}", "problem": f"What is {i}+1?", "answer": str(i + 1)} for i in range(3)
        ],
        "mmlu_stem": [
            {
                "id": f"mmlu_stem/{i}",
                "problem": "Pick.\nAnswer Choices: (A) one (B) two",
                "answer": "AB"[i],
                "choices": ["(A) one", "(B) two"],
                "meta": {"subject": ["algebra", "botany"][i]},
            }
            for i in range(2)
        ],
        "gsm8k": [{"id": f"gsm8k/{i}", "problem": f"Give {i} apples.", "answer": str(i)} for i in range(2)],
    }
    for name, lines in rows.items():
        text = "".join(json.dumps({"source": name, **line}) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text)
    return folder


@pytest.fixture
def record(tmp_path: Path) -> Callable[[dict[tuple[str, str], list[str]]], Path]:
    """Write a recording: (task, problem number) -> texts of its samples."""

    def write(answers: dict[tuple[str, str], list[str]]) -> Path:
        path = tmp_path / "recording.jsonl"
        rows = [
            {"task": task, "problem_id": f"{task}/{number}", "sample": i, "text": text}
            for (task, number), texts in answers.items()
            for i, text in enumerate(texts)
        ]
        write_recording(path, rows)
        return path

    return write


@pytest.fixture
def evaluate(data: Path) -> Callable[..., int]:
    """Run a command of the CLI over the made-up data."""

    def run(*arguments: str | Path) -> int:
        return main([*map(str, arguments), "--data-dir", str(data), "--accept-data"])

    return run


@pytest.fixture(autouse=True)
def _fresh_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_more", [])
    registry.tasks.cache_clear()
    registry.profiles.cache_clear()
