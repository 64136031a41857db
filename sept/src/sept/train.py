"""``python -m sept.train --config-name mini|gpu|paper arm=sept seed=0``: one run, any engine, any scale.

The same command continues a run that was stopped. Exit status 75 means: stopped by a signal after
saving a checkpoint (``shared.training.EXIT_INTERRUPTED``); 2 means bad input.
"""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig, OmegaConf
from shared.training import EXIT_INTERRUPTED, Interrupted, TensorboardTracker, Tracker, WandbTracker

from sept.commands import CONFIGS
from sept.config import SeptConfig, from_hydra
from sept.run import run, run_folder


def trackers_of(config: SeptConfig) -> list[Tracker]:
    """The mirrors of the metrics that were asked for."""
    folder = run_folder(config)
    made: list[Tracker] = []
    for name in config.run.trackers:
        if name == "tensorboard":
            made.append(TensorboardTracker(folder / "tensorboard"))
        elif name == "wandb":
            title = f"{config.run_name}-seed{config.seed}"
            made.append(WandbTracker(config.run.project, title, folder, config.to_dict()))
        else:
            raise ValueError(f"unknown tracker {name!r}: the local engine has tensorboard and wandb")
    return made


@hydra.main(version_base="1.3", config_path=CONFIGS, config_name="mini")
def main(raw: DictConfig) -> None:
    """Compose, check, print and run."""
    try:
        config = from_hydra(raw)
        print(OmegaConf.to_yaml(OmegaConf.create(config.to_dict())))
        if config.engine.name == "verl":
            from sept.cluster import run_on_verl

            run_on_verl(config)
            return
        outcome = run(config, trackers_of(config))
    except Interrupted as stop:
        print(f"stopped by a signal at step {stop.step}; run the same command to continue", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    before, after = outcome.run.before, outcome.run.after
    for name in sorted(before.keys() & after.keys()):
        print(f"{name:>12}  {before[name]:.3f} -> {after[name]:.3f}")
    print(f"run folder: {run_folder(config)}")


if __name__ == "__main__":
    main()
