"""One run of a paper on the local engine, around the training: base, problems, numbers, result file.

A paper brings its recipe, its prompts and what "grading" means; what is the same for all of them is
here: the starting model of a scale, the held-out problems, the measurement before and after, and
``result.json``, whose presence means that the run is done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from shared.data import load_problems
from shared.data.verl_rows import HIDDEN
from shared.data.worlds import Arithmetic, WorldPrompts, evaluation_set
from shared.experiments import Run, SampledGroup, SampledResponse, sample_rollouts
from shared.files import write_json
from shared.problems import Group, Problem, Verdict
from shared.sampling import SamplingParams, TorchSampler
from shared.training.bases import WarmStart, warm_start
from shared.training.config import OptimConfig, TrainConfig
from shared.training.evaluation import Evaluator, GradeFn
from shared.training.measure import headline, measure
from shared.training.settings import DataConfig, EvalConfig, ModelConfig, RunConfig, WorldConfig
from shared.training.settings import OptimConfig as OptimSection
from shared.verifiers import Policy, verify, verify_batch


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


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Store a finished run; the file appears whole or not at all."""
    write_json(path, asdict(outcome))


def read_outcome(path: Path) -> Outcome:
    """What :func:`write_outcome` stored."""
    plain = json.loads(path.read_text())
    found = Run(**plain.pop("run"))
    groups = [
        SampledGroup(**{**g, "responses": tuple(SampledResponse(**r) for r in g["responses"])})
        for g in plain.pop("rollouts")
    ]
    return Outcome(run=replace(found, curve=tuple(found.curve)), rollouts=groups, **plain)


# ---- the starting model and the problems ---------------------------------------------------------


def world_of(config: WorldConfig) -> Arithmetic:
    """The mini world of a configuration."""
    return Arithmetic(modulus=config.modulus, operands=config.operands)


def base_model(model: ModelConfig, world: WorldConfig, seed: int, cache: Path) -> str:
    """The starting model: the configured one, or the mini world's base (made on first use)."""
    if model.path:
        return model.path
    settings = WarmStart(
        levels=tuple(world.warm_levels),
        check_levels=tuple(world.warm_check_levels),
        target=world.warm_target,
        noise=world.warm_noise,
    )
    return str(warm_start(world_of(world), seed, cache, settings, progress=False))


def load_model(path: str) -> tuple[Any, Any]:
    """(model, tokenizer) in float32, on the GPU if there is one.

    Raises:
        ValueError: there is no tokenizer.
    """
    transformers_logging.disable_progress_bar()  # a line a run says more
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} has no tokenizer that can be loaded: {reason}") from error
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    return (model.to("cuda") if torch.cuda.is_available() else model), tokenizer


def evaluation_problems(data: DataConfig, world: WorldConfig, size: EvalConfig, split: str) -> list[Problem]:
    """The ``validation`` or ``test`` problems, from files or from the world; with labels."""
    count = size.problems if split == "test" else size.watch_problems
    files = data.test if split == "test" else data.validation
    if data.train or files:
        problems = [p for file in files for p in load_problems(Path(file))]
        return problems[:count] if split == "validation" else problems
    name = "test" if split == "test" else "validation"
    return evaluation_set(world_of(world), world.test_levels, count, split=name)  # type: ignore[arg-type]


def training_pool(data: DataConfig, world: WorldConfig, seed: int) -> list[Problem]:
    """The finite training set: the files' problems, or ``data.pool`` distinct ones of the world.

    Raises:
        ValueError: neither files nor a pool are configured.
    """
    if data.train:
        return [p for file in data.train for p in load_problems(Path(file))]
    if data.pool < 1:
        raise ValueError("a finite prompt set is needed: set data.pool or data.train")
    stream = WorldPrompts(world_of(world), world.train_levels, seed)
    found: dict[str, Problem] = {}
    start = 0
    while len(found) < data.pool:
        for problem in stream.take(start, data.pool - len(found)):
            found.setdefault(problem.prompt, problem)
            start += 1
        if start > 20 * data.pool + 1000:
            raise ValueError(f"the world has fewer than {data.pool} distinct problems: lower data.pool")
    return list(found.values())


def truth_of(problem: Problem) -> str | None:
    """The true answer, hidden from training or not; for monitors and evaluation only."""
    hidden = problem.meta.get(HIDDEN)
    return problem.answer if hidden is None else str(hidden)


def problems_hash(problems: Sequence[Problem]) -> str:
    """16 hex digits that name a problem set."""
    text = json.dumps([(p.id, p.prompt, truth_of(p)) for p in problems])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# ---- engine settings and measurements ------------------------------------------------------------


def optim_config(optim: OptimSection) -> OptimConfig:
    """The optimiser settings of a configuration."""
    return OptimConfig(
        lr=optim.lr,
        betas=(optim.betas[0], optim.betas[1]),
        weight_decay=optim.weight_decay,
        warmup_steps=optim.warmup_steps,
        schedule=optim.schedule,  # type: ignore[arg-type]
        grad_clip=optim.grad_clip,
    )


def train_config(
    seed: int,
    model: ModelConfig,
    optim: OptimSection,
    run: RunConfig,
    *,
    n: int,
    max_new_tokens: int,
    top_p: float,
    eval_every: int,
    loss_temperature: float | None = None,
    keep_all: bool = False,
) -> TrainConfig:
    """The engine settings of a run; ``keep_all`` keeps every checkpoint, to choose among them."""
    return TrainConfig(
        seed=seed,
        steps=run.steps,
        prompts_per_step=optim.prompts_per_step,
        n=n,
        max_new_tokens=max_new_tokens,
        top_p=top_p,
        optim=optim_config(optim),
        loss_temperature=loss_temperature,
        minibatches=optim.minibatches,
        micro_batch_tokens=optim.micro_batch_tokens,
        eval_every=eval_every,
        save_every=run.save_every,
        keep_last=run.steps + 1 if keep_all else 2,
        dump_every=run.dump_every,
        autocast=model.dtype == "bfloat16" and torch.cuda.is_available(),
        gradient_checkpointing=model.gradient_checkpointing,
    )


def grader(policy: Policy) -> GradeFn:
    """Verdicts against the truth under a verifier policy."""

    def grade(groups: Sequence[Group]) -> list[list[Verdict]]:
        return [
            verify_batch([r.text for r in g.responses], truth_of(g.problem) or "", policy) for g in groups
        ]

    return grade


def examiner(problems: list[Problem], size: EvalConfig, max_new_tokens: int, grade: GradeFn) -> Evaluator:
    """The measurement before and after training. Draws are the same for every arm and seed, so
    differences are the models'."""
    params = SamplingParams(size.n, size.temperature, size.top_p, max_new_tokens)
    return Evaluator(problems, grade=grade, params=params, seed=0, greedy=True, name="val")


def watcher(problems: list[Problem], size: EvalConfig, max_new_tokens: int, grade: GradeFn) -> Evaluator:
    """The short evaluation during training."""
    params = SamplingParams(size.watch_n, size.temperature, size.top_p, max_new_tokens)
    return Evaluator(problems, grade=grade, params=params, seed=0, greedy=False, summary=headline, name="val")


def measure_base(examination: Evaluator, base: str, cache: Path) -> tuple[dict[str, float], dict[str, float]]:
    """(metrics, standard errors) of the starting model, measured once and stored beside the bases.

    Only a model folder's numbers are stored; its files' names and sizes, the problems and the
    sampling settings make the key.
    """
    folder = Path(base)
    key = _measurement_key(examination, folder) if folder.is_dir() else None
    stored = cache / "measured" / f"{key}.json"
    if key is not None and stored.exists():
        metrics, errors = json.loads(stored.read_text())
        return metrics, errors
    model, tokenizer = load_model(base)
    found = measure(examination, TorchSampler(model, tokenizer, progress=False))
    if key is not None:
        write_json(stored, [found.metrics, found.errors])
    return found.metrics, found.errors


def _measurement_key(examination: Evaluator, folder: Path) -> str:
    files = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.iterdir())]
    parts = [
        folder.name,
        files,
        problems_hash(examination.problems),
        asdict(examination.params),
        examination.seed,
        examination.greedy,
    ]
    return hashlib.sha256(json.dumps(parts, default=list).encode()).hexdigest()[:16]


def curve_of(history: Sequence[dict[str, Any]], prefixes: tuple[str, ...]) -> tuple[dict[str, float], ...]:
    """The metrics lines of a run, reduced to what a report draws."""

    def kept(key: str, value: Any) -> bool:
        return isinstance(value, (int, float)) and (key == "step" or key.startswith(prefixes))

    return tuple({k: round(float(v), 5) for k, v in line.items() if kept(k, v)} for line in history)


def example_groups(
    folder: Path, *, arm: str, seed: int, policy: Policy, groups: int = 4
) -> list[SampledGroup]:
    """A few groups of the last batch that a run dumped, graded against the truth."""
    dumps = sorted((folder / "rollouts").glob("step-*.jsonl.gz"))
    if not dumps:
        return []
    return sample_rollouts(
        dumps[-1],
        arm=arm,
        seed=seed,
        step=int(dumps[-1].name.split("-")[1].split(".")[0]),
        grade=lambda response, truth: verify(response, truth, policy).correct,
        groups=groups,
    )
