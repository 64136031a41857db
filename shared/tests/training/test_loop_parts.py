"""The smaller parts of the loop: refilling, schedules, settings, logs, evaluation, supervised runs."""

import gzip
import json
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from shared.problems import Group, Outcome, Problem, Response, Verdict
from shared.sampling import SamplingParams, TorchSampler, encode_prompt
from shared.training import (
    Batch,
    Evaluator,
    Example,
    FixedPrompts,
    GroupReward,
    MetricsLog,
    OptimConfig,
    StepContext,
    SupervisedConfig,
    TensorboardTracker,
    TrainConfig,
    WandbTracker,
    collect,
    read_metrics,
    train_supervised,
    write_rollouts,
)
from shared.training.optimizer import learning_rate, make_optimizer, optimizer_step
from small_run import CONFIG, grade, problem, recipe, trainer
from tiny_policy import tiny_model, tiny_tokenizer

CONTEXT = StepContext(run_seed=0, step=0, total_steps=1)


class FakeSampler:
    """Answers with the seed key, so that a test sees who asked for what."""

    def __init__(self) -> None:
        self.keys: list[int] = []

    def sample(
        self, prompts: Sequence[str], params: SamplingParams, *, seed_keys: Sequence[Sequence[int]]
    ) -> list[list[Response]]:
        self.keys += [k for row in seed_keys for k in row]
        return [[Response(str(k), (4, 2)) for k in row] for row in seed_keys]


def _odd(group: Group, reward: GroupReward) -> bool:
    return int(group.problem.id) % 2 == 1


def _collect(count: int = 6, size: int = 100, **settings: Any) -> tuple[Batch, FakeSampler]:
    config = TrainConfig(
        seed=0, steps=1, prompts_per_step=count, n=2, max_new_tokens=4, optim=OptimConfig(lr=1.0), **settings
    )
    sampler = FakeSampler()

    class Numbers:
        def take(self, start: int, wanted: int) -> list[Problem]:
            return [problem(i) for i in range(start, min(start + wanted, size))]

    return collect(recipe(keep=_odd), sampler, Numbers(), config, CONTEXT, cursor=0), sampler


def test_rejected_groups_are_replaced_until_the_batch_is_full() -> None:
    batch, sampler = _collect()
    assert [g.problem.id for g in batch.groups] == ["1", "3", "5", "7", "9", "11"]
    assert batch.cursor == len(batch.seen_groups) and batch.rounds > 2
    assert len(set(sampler.keys)) == len(sampler.keys)


def test_oversampling_the_refill_takes_fewer_rounds_and_counts_the_surplus() -> None:
    plain, _ = _collect()
    batch, _ = _collect(refill_factor=3.0)
    assert len(batch.groups) == 6 and batch.rounds < plain.rounds
    assert batch.kept.count(True) == 6 and len(batch.kept) == len(batch.seen_groups) > 12


def test_rounds_and_sources_that_run_out_give_a_smaller_batch() -> None:
    assert len(_collect(max_resample_rounds=0)[0].groups) == 3
    dry, _ = _collect(size=5)
    assert [g.problem.id for g in dry.groups] == ["1", "3"] and dry.cursor == 5


def test_an_empty_batch_is_a_skipped_update(tmp_path: Path) -> None:
    run = trainer(tmp_path, recipe=recipe(keep=lambda g, r: False), evaluator=None)
    run.config = CONFIG
    history = run.run().history
    assert all(line["update/skipped"] == 1.0 and line["rollout/groups"] == 0 for line in history)


def test_fixed_prompts_cover_every_epoch_and_differ_between_epochs() -> None:
    source = FixedPrompts([problem(i) for i in range(7)], seed=3)
    ids = [p.id for p in source.take(0, 21)]
    epochs = [ids[k : k + 7] for k in (0, 7, 14)]
    assert all(sorted(e) == [str(i) for i in range(7)] for e in epochs) and epochs[0] != epochs[1]
    assert [p.id for p in source.take(5, 9)] == ids[5:14]


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_learning_rates(schedule: Any) -> None:
    config = OptimConfig(lr=2.0, warmup_steps=4, schedule=schedule, final_lr_share=0.1)
    rates = [learning_rate(config, step, 24) for step in range(25)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0] and rates[4] == 2.0
    end, middle = {"constant": (2.0, 2.0), "linear": (0.2, 1.1), "cosine": (0.2, 1.1)}[schedule]
    assert rates[24] == pytest.approx(end) and rates[14] == pytest.approx(middle)
    quarter = {"constant": 2.0, "linear": 1.55, "cosine": 2 * (0.1 + 0.45 * (1 + math.cos(math.pi / 4)))}
    assert rates[9] == pytest.approx(quarter[schedule])


def test_decay_spares_norms_and_biases_and_bad_gradients_spare_everything() -> None:
    model = tiny_model()
    config = OptimConfig(lr=0.1, weight_decay=0.5)
    optimizer = make_optimizer(model, config)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    assert optimizer_step(optimizer, model.parameters(), lr=0.1, grad_clip=1.0) == 0.0
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach(), before[name] * (0.95 if p.dim() > 1 else 1.0))
    next(model.parameters()).grad = torch.full_like(next(model.parameters()), math.nan)
    after = {n: p.detach().clone() for n, p in model.named_parameters()}
    with pytest.raises(FloatingPointError, match="gradient norm is nan"):
        optimizer_step(optimizer, model.parameters(), lr=0.1, grad_clip=1.0)
    assert all(torch.equal(p, after[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize(
    "change,message",
    [
        ({"steps": 0}, "steps is 0"),
        ({"n": 0}, "n is 0"),
        ({"minibatches": 5}, "more than prompts_per_step = 4"),
        ({"refill_factor": 0.5}, "refill_factor is 0.5"),
        ({"save_every": -1}, "save_every is -1"),
    ],
)
def test_bad_settings_get_one_sentence(change: dict, message: str) -> None:
    good = {"seed": 0, "steps": 1, "prompts_per_step": 4, "n": 2, "max_new_tokens": 4}
    with pytest.raises(ValueError, match=message):
        TrainConfig(**(good | change), optim=OptimConfig(lr=1.0))
    with pytest.raises(ValueError, match="choose constant, cosine or linear"):
        OptimConfig(lr=1.0, schedule="step")


def test_a_model_without_tokenizer_and_an_empty_prompt_set(tmp_path: Path) -> None:
    from shared.training import Trainer

    with pytest.raises(ValueError, match="needs a tokenizer"):
        Trainer(recipe(), tiny_model(), None, FixedPrompts([], 0), CONFIG, tmp_path)
    with pytest.raises(ValueError, match="prompt set is empty"):
        trainer(tmp_path, prompts=FixedPrompts([], 0), evaluator=None).run()
    frozen = tiny_model().requires_grad_(False)
    with pytest.raises(ValueError, match="no trainable parameter"):
        make_optimizer(frozen, CONFIG.optim)


def test_metrics_are_flushed_cut_on_resume_and_survive_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, None)
    for step in range(4):
        log.write({"step": step, "x": step / 3})
        assert read_metrics(path)[-1] == {"step": step, "x": step / 3}  # on disk before close
    log.close()
    with path.open("a") as file:
        file.write('{"step": 4, "x"')
    again = MetricsLog(path, 2)
    assert [m["step"] for m in again.history] == [0, 1, 2]
    again.write({"step": 3, "x": 0.0})
    assert [m["step"] for m in read_metrics(path)] == [0, 1, 2, 3]


def test_trackers_mirror_the_lines_and_say_when_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        def __init__(self) -> None:
            self.lines: list[tuple[dict, int]] = []
            self.closed = False

        def log(self, metrics: Any, step: int) -> None:
            self.lines.append((dict(metrics), step))

        def close(self) -> None:
            self.closed = True

    memory = Memory()
    log = MetricsLog(tmp_path / "m.jsonl", None, [memory])
    log.write({"step": 3, "a": 1.0})
    log.close()
    assert memory.lines == [({"a": 1.0}, 3)] and memory.closed
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match="pip install wandb"):
        WandbTracker("p", "n", tmp_path, {})
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ValueError, match="pip install tensorboard"):
        TensorboardTracker(tmp_path)


def test_rollout_dumps_hold_every_group_with_its_verdicts(tmp_path: Path) -> None:
    def graded(groups: Sequence[Group], context: StepContext) -> list[GroupReward]:
        verdicts = [tuple(Verdict(Outcome.DIFFERENT, "1") for _ in g.responses) for g in groups]
        rewards = [tuple(float(len(r.text)) for r in g.responses) for g in groups]
        return [GroupReward(r, v, label="7") for r, v in zip(rewards, verdicts, strict=True)]

    trainer(tmp_path, recipe=recipe(reward=graded), evaluator=None).run()
    dumps = sorted((tmp_path / "rollouts").iterdir())
    assert len(dumps) == CONFIG.steps // CONFIG.dump_every
    rows = [json.loads(line) for line in gzip.decompress(dumps[0].read_bytes()).splitlines()]
    assert sum(row["kept"] for row in rows) == CONFIG.prompts_per_step
    assert rows[0]["label"] == "7" and len(rows[0]["responses"]) == CONFIG.n
    assert rows[0]["responses"][0]["outcome"] == "different"
    write_rollouts(tmp_path / "a.gz", rows)
    first = (tmp_path / "a.gz").read_bytes()
    write_rollouts(tmp_path / "a.gz", rows)
    assert (tmp_path / "a.gz").read_bytes() == first


def test_evaluation_counts_what_the_grader_says_and_repeats_itself() -> None:
    sampler = TorchSampler(tiny_model(spread=2.5), tiny_tokenizer(), progress=False)
    evaluator = Evaluator([problem(i) for i in range(6)], grade, SamplingParams(n=5, max_new_tokens=10))
    graded = evaluator.run(sampler)
    flat = [c for row in graded.correct for c in row]
    metrics = evaluator.metrics(sampler)
    assert 0 < sum(flat) < len(flat) == 30 and len(graded.greedy_correct) == 6
    assert metrics["eval/pass@1"] == pytest.approx(sum(flat) / 30)
    assert metrics["eval/pass@5"] == pytest.approx(sum(any(row) for row in graded.correct) / 6)
    assert metrics["eval/greedy"] == sum(graded.greedy_correct) / 6 and "eval/maj@5" in metrics
    assert replace(evaluator, name="val", summary=lambda g: {"n": len(g.groups)}).metrics(sampler) == {
        "val/n": 6
    }
    assert evaluator.run(sampler) == graded
    assert graded.answers[0][0] == graded.groups[0].responses[0].text
    with pytest.raises(ValueError, match="evaluation set is empty"):
        Evaluator([], grade, SamplingParams()).run(sampler)


def _examples(step: int) -> list[Example]:
    tokenizer, rng = tiny_tokenizer(), random.Random(step)
    out = []
    for _ in range(16):
        digit = rng.randrange(10)
        response = tokenizer(f"{digit}{digit}", add_special_tokens=False)["input_ids"]
        out.append(Example(tuple(encode_prompt(tokenizer, f"{digit}=?")), (*response, 2)))
    return out


def test_supervised_training_learns_resumes_and_stops(tmp_path: Path) -> None:
    config = SupervisedConfig(
        steps=40, optim=OptimConfig(lr=1e-2, warmup_steps=5), check_every=10, save_every=7
    )

    def train(folder: Path, stop_at: int | None = None) -> tuple[Any, torch.nn.Module]:
        model = tiny_model(spread=1.0)

        def stop(metrics: dict[str, Any]) -> str | None:
            if metrics["step"] == stop_at:
                raise KeyboardInterrupt
            return "learnt" if metrics.get("accuracy", 0) == 1 else None

        def check(step: int) -> dict[str, float]:
            sampler = TorchSampler(model, tiny_tokenizer(), progress=False)
            prompts = [f"{d}=?" for d in range(10)]
            rows = sampler.sample(
                prompts, SamplingParams(temperature=0, max_new_tokens=4), seed_keys=[[0]] * 10
            )
            return {"accuracy": sum(r[0].text == f"{d}{d}" for d, r in enumerate(rows)) / 10}

        return train_supervised(
            model, _examples, config, folder, check=check, stop=stop, progress=False
        ), model

    result, model = train(tmp_path / "whole")
    assert result.stopped == "learnt" and result.step < 40 and result.step % 10 == 0
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", stop_at=9)
    again, resumed = train(tmp_path / "cut")
    assert again.step == result.step
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed.parameters(), strict=True))
    with pytest.raises(ValueError, match="other settings"):
        train_supervised(model, _examples, SupervisedConfig(steps=41, optim=config.optim), tmp_path / "cut")


def test_supervised_loss_covers_the_response_only_or_the_whole_text(tmp_path: Path) -> None:
    tokens = (1, 5, 6, 7, 2)
    model = tiny_model()
    with torch.no_grad():
        logprobs = torch.log_softmax(model(torch.tensor([tokens])).logits[0], -1)
    each = [-float(logprobs[i, tokens[i + 1]]) for i in range(4)]
    config = SupervisedConfig(steps=1, optim=OptimConfig(lr=1e-9))
    for example, expected in [
        (Example(tokens[:3], tokens[3:]), sum(each[2:]) / 2),
        (Example((), tokens), sum(each) / 4),
    ]:
        folder = tmp_path / str(len(example.prompt))
        [line] = train_supervised(
            tiny_model(), lambda s, e=example: [e], config, folder, progress=False
        ).history
        assert line["loss"] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match="nothing to train on"):
        train_supervised(model, lambda s: [Example((1,), ())], config, tmp_path / "n", progress=False)
    with pytest.raises(ValueError, match="no examples"):
        train_supervised(model, lambda s: [], config, tmp_path / "e", progress=False)
