"""One run on the local engine: the starting model, an arm, a seed -> numbers before and after.

Doing the same run again continues or returns it: the run folder holds manifest, metrics, rollouts,
checkpoints and, at the end, ``result.json``. The numbers after training are those of the last
checkpoint; those of the best one on the validation problems stand beside them as ``best-val/...``.
Nothing is ever chosen on the test problems, except the temperature of the ``decoding`` arm, which is
the paper's oracle baseline.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from shared.experiments import Run, write_manifest
from shared.files import write_json
from shared.sampling import Sampler, TorchSampler
from shared.training import Batch, Evaluator, StepContext, Tracker, TrainConfig, Trainer, load_weights
from shared.training.experiment import (
    Outcome,
    base_model,
    curve_of,
    examiner,
    example_groups,
    grader,
    load_model,
    measure_base,
    problems_hash,
    read_outcome,
    train_config,
    truth_of,
    watcher,
    write_outcome,
)
from shared.training.measure import measure
from shared.verifiers import verify_batch

from sept.adapters import with_adapters
from sept.config import SeptConfig
from sept.offline import local_answers
from sept.prompts import held_out, prompt_source
from sept.recipes import build, policy_of

CURVE = ("val/", "sept/", "update/loss", "update/entropy", "update/grad_norm", "rollout/")
HEADLINE_KS = (1, 8, 32)  # AVG is the mean of pass@k over these (paper, baseline convention)


def run_folder(config: SeptConfig) -> Path:
    """``<out>/sept/<scale>/<arm>/seed<k>``."""
    return Path(config.run.out) / "sept" / config.scale / config.run_name / f"seed{config.seed}"


def run(config: SeptConfig, trackers: Sequence[Tracker] = ()) -> Outcome:
    """Do one run; a finished one is read back.

    Raises:
        ValueError: settings that do not fit the data, or a folder begun with other settings.
        shared.training.Interrupted: a stop signal came; the same call continues.
    """
    folder, started = run_folder(config), time.process_time()
    base = base_model(config.model, config.world, config.seed, Path(config.run.base_cache))
    test = held_out(config, "test")
    grade = grader(policy_of(config.recipe))
    examination = examiner(test, config.eval, config.sampling.max_new_tokens, grade)
    write_manifest(folder, config=config.to_dict(), seeds=[config.seed], data_hash=problems_hash(test))
    before, before_se = measure_base(examination, base, Path(config.run.base_cache))
    if config.method == "decoding":
        after, curve = best_decoding(config, examination, base, folder), ()
        rollouts, step = [], 0
    else:
        trained = train(config, base, folder, trackers)
        if (folder / "result.json").exists():
            return read_outcome(folder / "result.json")
        after, curve = trained.measured(examination, before), curve_of(trained.history, CURVE)
        rollouts = example_groups(
            folder, arm=config.run_name, seed=config.seed, policy=policy_of(config.recipe)
        )
        step = trained.step
    outcome = Outcome(
        run=Run(
            arm=config.run_name,
            seed=config.seed,
            before=with_average(before),
            after=with_average(after[0]),
            n_problems=len(test),
            cpu_seconds=round(time.process_time() - started, 2),
            before_se=before_se,
            after_se=after[1],
            curve=curve,
        ),
        rollouts=rollouts,
        selected_step=step,
        stopped=None,
    )
    write_outcome(folder / "result.json", outcome)
    return outcome


Numbers = tuple[dict[str, float], dict[str, float]]
"""(metrics, standard errors over problems)."""


@dataclass(frozen=True)
class Trained:
    """A model at the end of its training, and the way there."""

    model: Any
    sampler: TorchSampler
    folder: Path
    step: int
    history: list[dict[str, Any]]

    def measured(self, examination: Evaluator, before: Mapping[str, float]) -> Numbers:
        """The last checkpoint's numbers, and beside them those of the best one on validation.

        ``before`` are the starting model's, which may have stayed the best.
        """
        found = measure(examination, self.sampler)
        metrics, errors = dict(found.metrics), dict(found.errors)
        best = best_step(self.history)
        chosen = before if best == 0 else found.metrics
        if best not in (0, self.step):
            weights = self.folder / "checkpoints" / f"step-{best:06d}" / "model.safetensors"
            load_weights(self.model, load_file(weights))
            chosen = measure(examination, self.sampler).metrics
        metrics |= {f"best-val/{k}": v for k, v in chosen.items() if k.startswith("pass@")}
        return metrics, errors


def train(config: SeptConfig, base: str, folder: Path, trackers: Sequence[Tracker]) -> Trained:
    """Train one arm to its last step."""
    model, tokenizer = load_model(base)
    if config.lora_rank:
        model = with_adapters(model, config.lora_rank, config.seed)
    live = TorchSampler(model, tokenizer, progress=False)
    sampler: Sampler = live
    if config.method == "offline":
        sampler = local_answers(config, base, folder / "answers", tokenizer)
    trainer = Trainer(
        build(config),
        model,
        tokenizer,
        prompt_source(config),
        engine_config(config),
        folder,
        identity={"sept": config.identity(), "test": problems_hash(held_out(config, "test"))},
        sampler=sampler,
        evaluator=_watcher(config, live),
        monitor=Monitor(config),
        trackers=trackers,
    )
    result = trainer.run()
    return Trained(model, live, folder, result.step, result.history)


def engine_config(config: SeptConfig) -> TrainConfig:
    """The engine settings of a run; all checkpoints that were evaluated are kept."""
    sampling = config.sampling
    return train_config(
        config.seed,
        config.model,
        config.optim,
        config.run,
        n=sampling.n,
        max_new_tokens=sampling.max_new_tokens,
        top_p=sampling.top_p,
        eval_every=config.eval.every,
        loss_temperature=config.recipe.loss_temperature,
        keep_all=config.eval.every > 0,
    )


def best_decoding(config: SeptConfig, examination: Evaluator, base: str, folder: Path) -> Numbers:
    """The starting model at the temperature of the grid with the highest AVG on the test problems.

    That is the paper's baseline; the choice on the test problems is an oracle in its favour. The
    whole sweep is written to ``decoding.json``.
    """
    model, tokenizer = load_model(base)
    sampler = TorchSampler(model, tokenizer, progress=False)
    rows = sweep(examination, sampler, config.decoding_grid)
    write_json(folder / "decoding.json", [{"tau": tau, **with_average(row[0])} for tau, row in rows])
    tau, best = max(rows, key=lambda row: with_average(row[1][0])["avg"])
    return best[0] | {"tau": tau}, best[1]


def sweep(examination: Evaluator, sampler: Sampler, grid: Sequence[float]) -> list[tuple[float, Numbers]]:
    """(τ, numbers) for each decoding temperature; a greedy answer is the same however often it is drawn."""
    rows = []
    for tau in grid:
        params = replace(examination.params, temperature=tau)
        found = measure(replace(examination, params=params, greedy=False), sampler)
        rows.append((tau, (found.metrics, found.errors)))
    return rows


def best_step(history: Sequence[Mapping[str, Any]]) -> int:
    """Step of the highest validation accuracy; the earlier one of equals, 0 without evaluations."""
    seen = [(line["val/pass@1"], -line["step"]) for line in history if "val/pass@1" in line]
    return -max(seen)[1] if seen else 0


def with_average(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics and "avg" = mean of pass@1, pass@8 and pass@32, where all three were measured."""
    parts = [metrics.get(f"pass@{k}") for k in HEADLINE_KS]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return dict(metrics)
    return {**metrics, "avg": sum(known) / len(known)}


class Monitor:
    """What a step's batch says: τs and, from the hidden truth, how many of its answers are right."""

    def __init__(self, config: SeptConfig) -> None:
        self._policy = policy_of(config.recipe)
        self._tau = build(config).temperature

    def __call__(self, batch: Batch, context: StepContext) -> Mapping[str, float]:
        """See :data:`shared.training.MonitorFn`."""
        metrics = {"sept/tau_s": self._tau(context)}
        right = [
            v.correct
            for g in batch.groups
            if truth_of(g.problem) is not None
            for v in verify_batch([r.text for r in g.responses], truth_of(g.problem) or "", self._policy)
        ]
        return metrics | ({"sept/rollout_accuracy": sum(right) / len(right)} if right else {})


@dataclass(frozen=True)
class _LiveEvaluation:
    """Evaluates the policy itself, whatever sampler the trainer learns from."""

    evaluation: Evaluator
    sampler: Sampler

    def metrics(self, _: Sampler) -> dict[str, float]:
        return self.evaluation.metrics(self.sampler)


def _watcher(config: SeptConfig, live: Sampler) -> Any:
    if not config.eval.every:
        return None
    grade = grader(policy_of(config.recipe))
    watched = watcher(held_out(config, "validation"), config.eval, config.sampling.max_new_tokens, grade)
    return _LiveEvaluation(watched, live)
