"""The exam on a local Ray cluster of three nodes, undisturbed and with an actor killed: the same report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from eval_suite.cli import main
from eval_suite.layout import OutputFolder
from shared.generation import write_recording

pytestmark = pytest.mark.heavy
ray = pytest.importorskip("ray")

REPORT = ("metrics.json", "table.md", "table.csv", "by_problem.parquet")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A head without room and two nodes with one replica's CPUs each."""
    from ray.cluster_utils import Cluster

    # psutil's count of this machine's memory is not what a container may use: keep the store small
    small = {"object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, **small)
        yield cluster.address
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An exam of 60 problems, four samples each."""
    folder = tmp_path_factory.mktemp("exam")
    rows = [
        {"id": f"gsm8k/{i}", "problem": f"{i}+1?", "answer": str(i + 1), "source": "gsm8k"} for i in range(60)
    ]
    (folder / "data").mkdir()
    (folder / "data" / "gsm8k.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recorded: list[dict[str, Any]] = [
        {"task": "gsm8k", "problem_id": f"gsm8k/{i}", "sample": s, "text": f"\\boxed{{{i + (s < 2)}}}"}
        for i in range(60)
        for s in range(4)
    ]
    write_recording(folder / "recording.jsonl", recorded)
    return [
        *("--suite", "gsm8k", "--n", "4", "--block", "2"),
        *("--accept-data", "--data-dir", str(folder / "data")),
        *("--backend", "replay", "--recording", str(folder / "recording.jsonl")),
    ]


@pytest.mark.parametrize("kill", [False, True])
def test_same_report_as_one_machine(address: str, options: list[str], tmp_path: Path, kill: bool) -> None:
    one, out = tmp_path / "one", tmp_path / "ray"
    assert main(["run", *options, "--out", str(one)]) == 0
    command = [sys.executable, "-m", "eval_suite", "ray", *options, "--out", str(out)]
    command += ["--workers", "2", "--ttl", "9", "--replay-delay", "0.1" if kill else "0.01"]
    driver = subprocess.Popen(command, env={**os.environ, "RAY_ADDRESS": address})
    try:
        if kill:
            os.kill(_busy_actor(out), signal.SIGKILL)
        assert driver.wait(150) == 0
    finally:
        driver.kill()
    end = ["--out", str(out), "--data-dir", options[options.index("--data-dir") + 1], "--accept-data"]
    assert main(["finish", *end]) == 0
    for name in REPORT:
        assert (one / "report/default" / name).read_bytes() == (out / "report/default" / name).read_bytes()
    generated = OutputFolder(out).generated()[0]
    assert len(OutputFolder(out).draws("gsm8k", generated.fingerprint).load()) == 240
    crashed = [p for p in (out / "leases" / "workers").iterdir() if not p.name.endswith(".left")]
    assert len(crashed) == int(kill)


def _busy_actor(out: Path) -> int:
    """The process of an actor that has stored something."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        for part in (out / "gen").rglob("part-*.jsonl"):
            pid = int(part.name.split("-")[-3])  # part-<host>-<pid>-<token>-<number>
            if part.stat().st_size > 2000 and psutil.pid_exists(pid):
                return pid
        time.sleep(0.1)
    raise TimeoutError("no actor stored anything")
