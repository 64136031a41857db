"""Whole runs of SRT on an untrained tiny model: every kind of arm ends, resumes and refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from shared.data import HIDDEN
from shared.data.worlds import make_tokenizer
from shared.problems import Group, Problem, Response
from shared.training import ModelShape, StepContext
from shared.training.bases import new_model
from shared.training.experiment import truth_of, world_of
from srt.config import SrtConfig, from_hydra
from srt.guard import ConcentrationGuard, ValidationGuard, best_step
from srt.monitors import batch_statistics
from srt.prompts import (
    BaseVote,
    easiest,
    evaluation_problems,
    frozen_labels,
    prompt_source,
)
from srt.recipes import build, policy_of
from srt.reproduce import Job, config_of
from srt.run import run, run_folder

TINY = (
    "world.modulus=7",
    "world.train_levels=[1,2]",
    "world.test_levels=[1,2]",
    "sampling.n=4",
    "sampling.max_new_tokens=12",
    "optim.prompts_per_step=4",
    "eval.n=4",
    "eval.problems=8",
    "eval.every=2",
    "eval.watch_n=2",
    "eval.watch_problems=6",
    "run.steps=4",
    "run.dump_every=2",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    world = world_of(config_of(Job("main/srt", 0, TINY)).world)
    tokenizer = make_tokenizer(world.vocabulary)
    shape = ModelShape(hidden=24, layers=1, heads=2, intermediate=32, context=64)
    new_model(tokenizer, shape, 0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny(model: Path, out: Path, name: str = "main/srt", *more: str) -> SrtConfig:
    return config_of(Job(name, 0, (*TINY, f"model.path={model}", f"run.out={out}", *more)))


@pytest.mark.parametrize(
    "arm", ["srt", "ground_truth", "random_reward", "early_stop", "test_time", "online_filter"]
)
def test_an_arm_runs_and_is_not_run_twice(arm: str, model: Path, tmp_path: Path) -> None:
    config = tiny(model, tmp_path, f"main/{arm}", "run.save_every=2")
    first = run(config)
    assert first.run.n_problems == 8 and {"pass@1", "maj@4", "greedy"} <= first.run.after.keys()
    assert [line["step"] for line in first.run.curve] == [0, 1, 2, 3, 4]
    assert (run_folder(config) / "manifest.json").exists()
    start = time.process_time()
    assert asdict(run(config).run) == asdict(first.run)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("arm", ["fixed_teacher", "easy_subset"])
def test_arms_with_votes_of_the_starting_model_store_them(arm: str, model: Path, tmp_path: Path) -> None:
    config = tiny(model, tmp_path, f"main/{arm}", "data.pool=24", "labels.teacher_samples=4")
    run(config)
    votes = json.loads((run_folder(config) / "base_votes.json").read_text())
    assert 0 < len(votes) <= 24 and all(0 <= share <= 1 for _, share in votes.values())


def test_an_endless_stream_has_no_frozen_labels(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.pool"):
        run(tiny(model, tmp_path, "main/fixed_teacher", "data.pool=0"))


def test_other_settings_in_the_same_folder_are_refused_and_results_stay(model: Path, tmp_path: Path) -> None:
    config = tiny(model, tmp_path)
    run(config)
    before = (run_folder(config) / "result.json").read_bytes()
    with pytest.raises(ValueError, match="other settings"):
        run(tiny(model, tmp_path, "main/srt", "optim.lr=0.5"))
    assert (run_folder(config) / "result.json").read_bytes() == before


def test_a_killed_run_ends_as_an_uninterrupted_one(model: Path, tmp_path: Path) -> None:
    more = ("run.steps=30", "run.save_every=1", "eval.every=0")
    whole = run(tiny(model, tmp_path / "whole", "main/srt", *more))
    config = tiny(model, tmp_path / "killed", "main/srt", *more)
    settings = [*TINY, f"model.path={model}", f"run.out={tmp_path / 'killed'}", *more]
    command = [sys.executable, "-m", "srt.train", "--config-name", "mini", *settings]
    checkpoints = run_folder(config) / "checkpoints"
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (checkpoints / "step-000003").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert not (run_folder(config) / "result.json").exists()
    resumed = run(config)
    assert resumed.run.after == whole.run.after
    assert resumed.run.curve == whole.run.curve


def test_training_never_sees_hidden_answers(model: Path, tmp_path: Path) -> None:
    shown = prompt_source(tiny(model, tmp_path), None, tmp_path).take(0, 8)  # type: ignore[arg-type]
    assert all(p.answer is None and p.meta[HIDDEN] is not None for p in shown)
    given = prompt_source(tiny(model, tmp_path, "main/ground_truth"), None, tmp_path).take(0, 8)  # type: ignore[arg-type]
    assert [p.answer for p in given] == [truth_of(p) for p in shown]


def test_label_noise_spoils_the_stated_share(model: Path, tmp_path: Path) -> None:
    source = prompt_source(tiny(model, tmp_path, "main/label_noise"), None, tmp_path)  # type: ignore[arg-type]
    seen = source.take(0, 600)
    wrong = sum(p.answer != truth_of(p) for p in seen) / len(seen)
    assert wrong == pytest.approx(0.3, abs=0.075)  # four standard errors
    mixed = prompt_source(tiny(model, tmp_path, "main/semi_supervised"), None, tmp_path).take(0, 600)  # type: ignore[arg-type]
    assert sum(p.answer is None for p in mixed) / 600 == pytest.approx(0.3, abs=0.075)


def test_train_validation_and_test_prompts_do_not_meet(model: Path, tmp_path: Path) -> None:
    config = tiny(model, tmp_path)
    test = {p.prompt for p in evaluation_problems(config, "test")}
    watched = {p.prompt for p in evaluation_problems(config, "validation")}
    trained = {p.prompt for p in prompt_source(config, None, tmp_path).take(0, 500)}  # type: ignore[arg-type]
    assert not (test & watched or test & trained or watched & trained)


def problems(*ids: str) -> list[Problem]:
    return [Problem(i, i, "1", "test") for i in ids]


def test_the_easy_part_is_ranked_by_agreement_with_ties_by_position() -> None:
    pool = problems("a", "b", "c", "d")
    votes = {k: BaseVote("1", s) for k, s in zip("abcd", (0.2, 0.9, 0.5, 0.5), strict=True)}
    assert [p.id for p in easiest(pool, votes, 0.5)] == ["b", "c"]
    assert [p.id for p in easiest(pool, votes, 1.0)] == ["a", "b", "c", "d"]


def test_frozen_labels_leave_out_problems_without_a_vote() -> None:
    made = frozen_labels(problems("a", "b"), {"a": BaseVote("7", 0.5), "b": BaseVote(None, 0.0)})
    assert [(p.id, p.answer, p.meta[HIDDEN]) for p in made] == [("a", "7", "1")]


def test_batch_statistics_see_a_collapse() -> None:
    config = SrtConfig()
    config.recipe.verifier = "exact"
    policy = policy_of(config.recipe)

    def group(name: str, truth: str, *answers: str) -> Group:
        texts = [f"\\boxed{{{a}}}" if a else "?" for a in answers]
        return Group(Problem(name, name, None, "t", meta={HIDDEN: truth}), tuple(Response(t) for t in texts))

    groups = [group("p", "0", "0", "0", "1", ""), group("q", "5", "0", "0", "0", "0")]
    rewards = build(config).reward(groups, StepContext(0, 0, 1))
    found = batch_statistics(groups, rewards, policy)
    assert found["monitor/concentration"] == 1.0
    assert found["monitor/agreement"] == pytest.approx((0.5 + 1.0) / 2)
    assert found["monitor/parse_rate"] == pytest.approx(7 / 8)
    assert found["monitor/rollout_accuracy"] == pytest.approx(2 / 8)
    assert found["monitor/label_accuracy"] == 0.5


def test_guards() -> None:
    validation = ValidationGuard(0.1)
    values = [0.4, 0.6, 0.45, 0.55, 0.4, 0.3]
    answers = [validation({"step": i, "val/pass@1": v}) for i, v in enumerate(values)]
    assert answers[:5] == [None] * 5 and "0.600 to 0.300" in str(answers[5])
    assert best_step([{"step": i, "val/pass@1": v} for i, v in enumerate([0.4, 0.6, 0.6, 0.1])]) == 1
    concentration = ConcentrationGuard(0.3, window=2)
    told = [concentration({"monitor/concentration": c}) for c in (0.1, 0.1, 0.2, 0.3, 0.6, 0.7)]
    assert told[:4] == [None] * 4 and told[5] is not None
    with pytest.raises(ValueError, match="no validation"):
        best_step([{"step": 1}])


def test_the_configuration_checks_itself() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        from_hydra({"no_such": 1})  # type: ignore[arg-type]
