"""Starts a run on verl: settings in, run folder out.

The calling process becomes Ray's driver (or joins the cluster that ``RAY_ADDRESS`` names); the
trainer itself lives in a Ray actor, as in verl's own entry point.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shared.on_verl.config import VerlEngine, compose, validate
from shared.on_verl.cpu import CPU_ENVIRONMENT
from shared.on_verl.references import Reference
from shared.on_verl.tokenizers import separate_tokenizer
from shared.training import TrainConfig
from shared.training.run_folder import check_identity


@dataclass(frozen=True, slots=True)
class VerlRun:
    """Everything a Ray worker needs to take part in a run; plain values and import paths.

    Attributes:
        recipe: builds the :class:`~shared.training.Recipe`.
        train: settings both engines share.
        engine: verl's own.
        folder: run folder, on a file system that all nodes see.
        grade: builds the :data:`~shared.training.GradeFn` of validation; by default answers are
            compared with the label under the default verifier policy.
        prompts: function of (problems, seed) that makes the prompt source;
            :class:`~shared.training.FixedPrompts` by default.
        monitor: builds a :data:`~shared.training.MonitorFn`.
        stop: builds a :data:`~shared.training.StopFn`.
        identity: what else makes this run what it is (resolved paper config, data hash).
    """

    recipe: Reference
    train: TrainConfig
    engine: VerlEngine
    folder: Path
    grade: Reference | None = None
    prompts: Reference | None = None
    monitor: Reference | None = None
    stop: Reference | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)


def compose_run(run: VerlRun) -> Any:
    """verl's full configuration of a run, checked by verl's own rules; starts nothing.

    Raises:
        ValueError: in one sentence, what does not fit.
    """
    if run.engine.platform == "cpu":
        os.environ.update(CPU_ENVIRONMENT)  # before verl is imported: it picks its platform then
    config = compose(run.train, run.engine, run.recipe.call(), run.folder.absolute())
    if run.grade is not None:
        config.reward.custom_reward_function.reward_kwargs = {
            "grader": {"path": run.grade.path, "args": list(run.grade.args)}
        }
    validate(config)
    return config


def train_on_verl(run: VerlRun) -> None:
    """Train to the end; the same call continues a run that was interrupted.

    Raises:
        ValueError: bad settings, or the folder belongs to a run with other settings.
    """
    config = compose_run(run)
    identity = {"train": asdict(run.train), "engine": asdict(run.engine), **run.identity}
    check_identity(run.folder, {"engine_name": "verl", **json.loads(json.dumps(identity, default=list))})
    tokenizer = separate_tokenizer(run.engine.model, run.folder.absolute() / "tokenizer")
    if tokenizer is not None:
        config.actor_rollout_ref.model.tokenizer_path = str(tokenizer)
    import ray
    from verl.trainer.main_ppo import run_ppo

    try:
        run_ppo(config, task_runner_class=_Bound(run))
    finally:
        ray.shutdown()


class _Bound:
    """What ``run_ppo`` takes for an actor class: makes our runner with its :class:`VerlRun`."""

    def __init__(self, run: VerlRun) -> None:
        self._run = run

    def remote(self) -> Any:
        import ray

        return ray.remote(num_cpus=1)(Runner).remote(self._run)


class Runner:
    """The driver actor: transfer queue, trainer, agent loops, fit (verl's TaskRunnerV1 in our words)."""

    def __init__(self, run: VerlRun) -> None:
        self._run = run

    def run(self, config: Any) -> None:
        """Train with a composed configuration."""
        import transfer_queue
        from omegaconf import OmegaConf
        from verl.trainer.ppo.v1 import AgentLoopManagerTQ

        from shared.on_verl.trainer import RecipeTrainer

        config.transfer_queue.enable = True
        OmegaConf.resolve(config)
        transfer_queue.init(config.transfer_queue)
        trainer = RecipeTrainer(config, self._run)
        try:
            trainer.init()
            agents = AgentLoopManagerTQ.create(
                config=config,
                llm_client=trainer.get_llm_client(),
                teacher_client=trainer.get_teacher_client(),
                reward_loop_worker_handles=trainer.get_reward_handles(),
            )
            trainer.fit(agents)
        finally:
            trainer.close()
            transfer_queue.close()
