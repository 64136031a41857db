"""Killed at 20 random moments across generate, score and report, the report is byte for byte the same."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from pathlib import Path

from eval_suite.cli import main

KILLS = {"generate": 10, "score": 6, "report": 4}
REPORT = ("metrics.json", "table.md", "table.csv", "report.html", "by_problem.parquet")


def texts(i: int) -> list[str]:
    answers = random.Random(i)
    filler = "Let us look at the cases one by one, they are not many. " * 3
    return [f"{filler}It is \\boxed{{{answers.choice([str(i + 1), '7', 'x+1'])}}}." for _ in range(6)]


def start(arguments: list[str]) -> multiprocessing.process.BaseProcess:
    """Run a command in a fresh process, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["eval_suite.cli"])
    process = context.Process(target=main, args=(arguments,))
    process.start()
    return process


def seconds(arguments: list[str]) -> float:
    """Wall time of an uninterrupted run."""
    begin = time.monotonic()
    process = start(arguments)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begin


def kill(arguments: list[str], wanted: int, within: float, rng: random.Random) -> int:
    """Start a command and kill it at a random moment, ``wanted`` times; returns the kills that hit."""
    hits = 0
    for _ in range(20 * wanted):
        process = start(arguments)
        process.join(rng.uniform(0, within))
        if process.exitcode is None:
            process.kill()
            hits += 1
        else:
            within *= 0.8  # it was done before we came: come earlier
        process.join()
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

    seconds(["tasks"])  # starts the server that forks
    spans = {name: seconds(stage(name, tmp_path / "whole")) for name in KILLS}
    spans["generate"] = 1 + 3 * spans["generate"]  # five units a second while killed: 60 take longer
    rng = random.Random(20)
    for name, wanted in KILLS.items():
        assert kill(stage(name, tmp_path / "killed", "0.2"), wanted, spans[name], rng) == wanted
        assert main(stage(name, tmp_path / "killed")) == 0
    assert list((tmp_path / "killed" / "gen").rglob("*.jsonl"))  # some kills came in the middle of generating
    for file in REPORT:
        whole, killed = (tmp_path / run / "report" / "default" / file for run in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), file
