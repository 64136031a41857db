"""Killed anywhere, run again, nothing differs: bit for bit, down to the metrics file."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import small_run
from shared.training import EXIT_INTERRUPTED, Interrupted, checkpoints, read_metrics, reproducible
from small_run import CONFIG, Growing, finish, trainer

# a fork server loads torch once; its children can be killed without harm to this process
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["torch", "transformers", "shared.training", "small_run"])


def contents(folder: Path) -> dict[str, object]:
    """Everything a run leaves behind that must be the same for the same run."""
    last = checkpoints(folder / "checkpoints")[0]
    files = {p.name: p.read_bytes() for p in last.iterdir()}
    files |= {f"rollouts/{p.name}": p.read_bytes() for p in (folder / "rollouts").iterdir()}
    return {**files, "last": last.name, "metrics": reproducible(read_metrics(folder / "metrics.jsonl"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    finish(folder)
    return contents(folder)


def _child(target: object, *args: object) -> multiprocessing.process.BaseProcess:
    process = context.Process(target=target, args=args)
    process.start()
    return process


def test_the_run_is_worth_resuming(whole: dict[str, object]) -> None:
    lines = whole["metrics"]
    assert [line["step"] for line in lines] == list(range(CONFIG.steps + 1))
    assert any(line.get("rollout/groups_dropped", 0) > 0 for line in lines)  # the refill is exercised
    assert all(line["update/skipped"] == 0.0 for line in lines[1:])
    assert json.loads(whole["state.json"])["prompts"]["extra"]  # the source did grow
    assert lines[-1]["rollout/reward"] > lines[1]["rollout/reward"]  # and something was learnt


def test_killed_at_random_moments(tmp_path: Path, whole: dict[str, object]) -> None:
    rng = random.Random(0)
    exits = []
    while 0 not in exits and len(exits) < 5:
        (tmp_path / "started").unlink(missing_ok=True)
        process = _child(small_run.run_slowly, str(tmp_path))
        while not (tmp_path / "started").exists():  # the first step of this life is done
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.3))
        os.kill(process.pid, signal.SIGKILL)  # nothing to a process that has just finished
        process.join()
        exits.append(process.exitcode)
    assert exits.count(-signal.SIGKILL) >= 3
    finish(tmp_path)
    (tmp_path / "started").unlink()
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("crash_at", range(12, 42, 3))
def test_killed_while_writing(tmp_path: Path, whole: dict[str, object], crash_at: int) -> None:
    process = _child(small_run.run, str(tmp_path), crash_at)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    finish(tmp_path)
    assert contents(tmp_path) == whole
    assert not list((tmp_path / "checkpoints").glob(".tmp*"))  # nothing half-written stays


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_stop_signals_save_and_leave_with_their_own_code(tmp_path: Path, number: int) -> None:
    process = _child(small_run.run_slowly, str(tmp_path))
    while not (tmp_path / "started").exists():
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == EXIT_INTERRUPTED == 75
    done = read_metrics(tmp_path / "metrics.jsonl")[-1]["step"]
    assert checkpoints(tmp_path / "checkpoints")[0].name == f"step-{done:06d}"
    assert 0 < done < CONFIG.steps


def test_an_interrupted_run_ends_like_the_whole(tmp_path: Path, whole: dict[str, object]) -> None:
    def signal_at_four(metrics: dict[str, object]) -> None:
        if metrics["step"] == 4:
            os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.raises(Interrupted):
        trainer(tmp_path, stop=signal_at_four).run()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL  # handlers are given back
    finish(tmp_path)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "manifest"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(
    tmp_path: Path, whole: dict[str, object], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    finish(tmp_path)
    newest, before = checkpoints(tmp_path / "checkpoints")
    victim = newest / ("manifest.json" if damage == "manifest" else "optimizer.safetensors")
    data = victim.read_bytes()
    if damage == "remove":
        victim.unlink()
    else:
        victim.write_bytes(data[: len(data) // 2] if damage != "flip" else data[:-9] + b"x" + data[-8:])
    again = trainer(tmp_path)
    assert newest.name in caplog.text and "damaged" in caplog.text
    assert again.folder.step == int(before.name[5:]) < CONFIG.steps
    again.run()
    assert contents(tmp_path) == whole


def test_every_checkpoint_damaged_starts_over(tmp_path: Path, whole: dict[str, object]) -> None:
    finish(tmp_path)
    for path in checkpoints(tmp_path / "checkpoints"):
        (path / "model.safetensors").write_bytes(b"")
    finish(tmp_path)
    assert contents(tmp_path) == whole


def test_a_finished_run_is_left_as_it_is(tmp_path: Path, whole: dict[str, object]) -> None:
    finish(tmp_path)
    result = finish(tmp_path)
    assert result.step == CONFIG.steps and contents(tmp_path) == whole


def test_other_settings_are_refused_in_one_sentence(tmp_path: Path, whole: dict[str, object]) -> None:
    finish(tmp_path)
    with pytest.raises(ValueError, match=r"config\.seed was 5, is 6.*use another run folder"):
        trainer(tmp_path, config=replace(CONFIG, seed=6))
    with pytest.raises(ValueError, match=r"data was 'a', is 'b'"):
        trainer(tmp_path / "other", identity={"data": "a"})
        trainer(tmp_path / "other", identity={"data": "b"})
    assert contents(tmp_path) == whole


def test_a_stop_condition_sees_the_earlier_lines_when_resumed(tmp_path: Path) -> None:
    seen: list[int] = []
    stopper = trainer(tmp_path, stop=lambda m: "enough" if m["step"] == 5 else None)
    assert (stopper.run().stopped, stopper.folder.step) == ("enough", 0)
    result = trainer(tmp_path, stop=lambda m: seen.append(m["step"])).run()
    assert seen == list(range(CONFIG.steps + 1)) and result.stopped is None


def test_growing_prompts_are_restored(tmp_path: Path) -> None:
    prompts = Growing()
    trainer(tmp_path, prompts=prompts).run()
    restored = Growing()
    trainer(tmp_path, prompts=restored)
    assert restored.extra == prompts.extra
