"""One run on the local engine: the starting model, an arm, a seed -> numbers before and after.

Doing the same run again continues or returns it: the run folder holds manifest, metrics, rollouts,
checkpoints and, at the end, ``result.json``. Runs on a cluster are ``srt.cluster``.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from shared.experiments import Run, SampledGroup, SampledResponse, sample_rollouts, write_manifest
from shared.problems import Group, Problem, Verdict
from shared.sampling import SamplingParams, TorchSampler
from shared.training import (
    Evaluator,
    OptimConfig,
    Tracker,
    TrainConfig,
    Trainer,
    load_weights,
    weights,
)
from shared.training.bases import WarmStart, warm_start
from shared.training.measure import headline, measure
from shared.verifiers import verify, verify_batch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from srt.config import SrtConfig
from srt.guard import best_step, guard_of
from srt.monitors import Monitor
from srt.prompts import evaluation_problems, prompt_source, truth_of, world_of
from srt.recipes import build, policy_of

CURVE = ("pass@1", "maj@", "greedy", "rollout/reward", "monitor/", "val/")
_SHOWN = 4  # groups of the last dumped batch that are kept for the report


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run.

    Attributes:
        run: its numbers.
        rollouts: a few graded groups for the report.
        selected_step: the checkpoint that was measured.
        stopped: why the run ended early, or None.
    """

    run: Run
    rollouts: list[SampledGroup]
    selected_step: int
    stopped: str | None


def run_folder(config: SrtConfig) -> Path:
    """``<out>/srt/<scale>/<arm>/seed<k>``."""
    return Path(config.run.out) / "srt" / config.scale / config.run_name / f"seed{config.seed}"


def base_model(config: SrtConfig) -> str:
    """The starting model: the configured one, or the mini world's base (made on first use)."""
    if config.model.path:
        return config.model.path
    world = config.world
    settings = WarmStart(
        levels=tuple(world.warm_levels),
        check_levels=tuple(world.test_levels),
        target=world.warm_target,
        noise=world.warm_noise,
    )
    return str(
        warm_start(world_of(world), config.seed, Path(config.run.base_cache), settings, progress=False)
    )


def run(config: SrtConfig, trackers: Sequence[Tracker] = ()) -> Outcome:
    """Train one arm and measure the model before and after on the test problems.

    Raises:
        ValueError: settings that do not fit the data, or a folder begun with other settings.
        shared.training.Interrupted: a stop signal came; the same call continues.
    """
    folder = run_folder(config)
    stored = folder / "result.json"
    started = time.process_time()
    model, tokenizer = _load(config)
    sampler = TorchSampler(model, tokenizer, progress=False)
    test = evaluation_problems(config, "test")
    write_manifest(folder, config=config.to_dict(), seeds=[config.seed], data_hash=_hash(test))
    trainer = Trainer(
        build(config),
        model,
        tokenizer,
        prompt_source(config, sampler, folder),
        train_config(config),
        folder,
        identity={"srt": _identity(config), "test": _hash(test)},
        sampler=sampler,
        evaluator=_watcher(config),
        monitor=Monitor(config, model, tokenizer),
        stop=guard_of(config.guard),
        trackers=trackers,
    )
    if stored.exists():
        return _read(stored)
    result = trainer.run()
    base, _ = _load(config)
    selected = result.step
    if config.guard.select == "best":
        selected = best_step(result.history)
        load_weights(model, _weights_at(folder, selected, base))
    examiner = _evaluator(config, test, config.eval.n, headline_only=False)
    after = measure(examiner, sampler)
    before = measure(examiner, TorchSampler(base, tokenizer, progress=False))
    outcome = Outcome(
        run=Run(
            arm=config.run_name,
            seed=config.seed,
            before=before.metrics,
            after=after.metrics,
            n_problems=len(test),
            cpu_seconds=round(time.process_time() - started, 2),
            before_se=before.errors,
            after_se=after.errors,
            curve=_curve(result.history),
        ),
        rollouts=_examples(config, folder),
        selected_step=selected,
        stopped=result.stopped,
    )
    _write(stored, outcome)
    return outcome


def _weights_at(folder: Path, step: int, base: Any) -> dict[str, torch.Tensor]:
    """The policy's weights after ``step`` updates; before the first they are the starting model's."""
    if step == 0:
        return weights(base)
    return load_file(folder / "checkpoints" / f"step-{step:06d}" / "model.safetensors")


def train_config(config: SrtConfig) -> TrainConfig:
    """The engine settings of a run."""
    optim, every = config.optim, config.eval.every
    return TrainConfig(
        seed=config.seed,
        steps=config.run.steps,
        prompts_per_step=optim.prompts_per_step,
        n=config.sampling.n,
        max_new_tokens=config.sampling.max_new_tokens,
        top_p=config.sampling.top_p,
        optim=OptimConfig(
            lr=optim.lr,
            betas=(optim.betas[0], optim.betas[1]),
            weight_decay=optim.weight_decay,
            warmup_steps=optim.warmup_steps,
            schedule=optim.schedule,  # type: ignore[arg-type]
            grad_clip=optim.grad_clip,
        ),
        minibatches=optim.minibatches,
        micro_batch_tokens=optim.micro_batch_tokens,
        eval_every=every,
        save_every=config.run.save_every,
        keep_last=config.run.steps + 1 if config.guard.select == "best" else 2,
        dump_every=config.run.dump_every,
        autocast=config.model.dtype == "bfloat16" and torch.cuda.is_available(),
        gradient_checkpointing=config.model.gradient_checkpointing,
    )


def grade(config: SrtConfig, groups: Sequence[Group]) -> list[list[Verdict]]:
    """Verdicts against the truth."""
    policy = policy_of(config.recipe)
    return [verify_batch([r.text for r in g.responses], truth_of(g.problem) or "", policy) for g in groups]


def _watcher(config: SrtConfig) -> Evaluator | None:
    if not config.eval.every:
        return None
    watched = evaluation_problems(config, "validation")
    return _evaluator(config, watched, config.eval.watch_n, headline_only=True)


def _evaluator(config: SrtConfig, problems: list[Problem], n: int, *, headline_only: bool) -> Evaluator:
    params = SamplingParams(n, config.eval.temperature, config.eval.top_p, config.sampling.max_new_tokens)
    return Evaluator(
        problems,
        grade=lambda groups: grade(config, groups),
        params=params,
        seed=0,  # the same draws for every arm and seed: differences are the models'
        greedy=not headline_only,
        summary=headline if headline_only else None,
        name="val",
    )


def _load(config: SrtConfig) -> tuple[Any, Any]:
    transformers_logging.disable_progress_bar()
    path = base_model(config)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} has no tokenizer that can be loaded: {str(error).splitlines()[0]}"
        ) from error
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    if torch.cuda.is_available():
        model = model.to("cuda")
    return model, tokenizer


def _identity(config: SrtConfig) -> dict[str, Any]:
    plain = config.to_dict()
    plain["run"] = {
        k: v for k, v in plain["run"].items() if k not in ("out", "base_cache", "trackers", "project")
    }
    return plain


def _hash(problems: Sequence[Problem]) -> str:
    text = json.dumps([(p.id, p.prompt, truth_of(p)) for p in problems])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _curve(history: Sequence[dict[str, Any]]) -> tuple[dict[str, float], ...]:
    def kept(key: str, value: Any) -> bool:
        return isinstance(value, (int, float)) and (key == "step" or key.startswith(CURVE))

    return tuple({k: round(float(v), 5) for k, v in line.items() if kept(k, v)} for line in history)


def _examples(config: SrtConfig, folder: Path) -> list[SampledGroup]:
    """A few groups of the last batch that was dumped, graded against the truth."""
    dumps = sorted((folder / "rollouts").glob("step-*.jsonl.gz"))
    if not dumps:
        return []
    policy = policy_of(config.recipe)
    return sample_rollouts(
        dumps[-1],
        arm=config.run_name,
        seed=config.seed,
        step=int(dumps[-1].name.split("-")[1].split(".")[0]),
        grade=lambda response, truth: verify(response, truth, policy).correct,
        groups=_SHOWN,
    )


def _write(path: Path, outcome: Outcome) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(outcome)))
    os.replace(temporary, path)


def _read(path: Path) -> Outcome:
    plain = json.loads(path.read_text())
    found = Run(**plain.pop("run"))
    groups = [
        SampledGroup(**{**g, "responses": tuple(SampledResponse(**r) for r in g["responses"])})
        for g in plain.pop("rollouts")
    ]
    return Outcome(run=replace(found, curve=tuple(found.curve)), rollouts=groups, **plain)
