"""Killed at 20 random moments across generate, score and report, the report is byte for byte the same."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from eval_suite.cli import main

KILLS = {"generate": 10, "score": 6, "report": 4}
REPORT = ("metrics.json", "table.md", "table.csv", "report.html", "by_problem.parquet")


def texts(i: int) -> list[str]:
    answers = random.Random(i)
    filler = "Let us look at the cases one by one, they are not many. " * 3
    return [f"{filler}It is \\boxed{{{answers.choice([str(i + 1), '7', 'x+1'])}}}." for _ in range(6)]


def kill_until(stage: str, arguments: list[str], wanted: int, rng: random.Random) -> int:
    """Start a stage and kill it at a random moment, ``wanted`` times; returns the kills that hit."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["eval_suite.cli"])
    hits, longest = 0, 1.2 if stage == "generate" else 0.4
    for _ in range(20 * wanted):
        process = context.Process(target=main, args=(arguments,))
        process.start()
        process.join(rng.uniform(0, longest))
        if process.exitcode is None:
            process.kill()
            hits += 1
        elif process.exitcode != 0:
            pytest.fail(f"{stage} ended with {process.exitcode}")
        else:
            longest *= 0.8  # it was done before we came: come earlier
        process.join()
        process.close()
        if hits == wanted:
            break
    return hits


def test_twenty_kills_leave_the_same_report(
    data: Path, record: Callable[[dict[tuple[str, str], list[str]]], Path], tmp_path: Path
) -> None:
    rows = "".join(f'{{"id": "aime24/{i}", "problem": "{i}+1?", "answer": "{i + 1}"}}\n' for i in range(20))
    (data / "aime24.jsonl").write_text(rows)
    recording = record({("aime24", str(i)): texts(i) for i in range(20)})

    def stage(name: str, out: Path, delay: str = "0") -> list[str]:
        common = [name, "--out", str(out), "--data-dir", str(data), "--accept-data"]
        if name != "generate":
            return common
        replay = ["--backend", "replay", "--recording", str(recording), "--replay-delay", delay]
        return [*common, "--suite", "aime24", "--n", "6", "--block", "2", *replay]

    for name in KILLS:
        assert main(stage(name, tmp_path / "whole")) == 0
    rng = random.Random(20)
    for name, wanted in KILLS.items():
        assert kill_until(name, stage(name, tmp_path / "killed", "0.02"), wanted, rng) == wanted
        assert main(stage(name, tmp_path / "killed", "0.001")) == 0
    parts = list((tmp_path / "killed" / "gen").rglob("part-*"))
    assert len(parts) > 1  # some kills came in the middle of generating
    for file in REPORT:
        whole, killed = (tmp_path / run / "report" / "default" / file for run in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), file
