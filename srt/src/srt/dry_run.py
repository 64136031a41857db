"""``python -m srt.dry_run --config-name paper preset=... arm=...``: check a verl run, start nothing.

Composes verl's full configuration and holds it to verl's own schema and rules (verl must be
installed, a GPU need not be), then prints what the run will need. Data and model are not read.
"""

from __future__ import annotations

import argparse
import sys

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from shared.on_verl import VerlEngine, compose_run
from shared.on_verl.estimate import estimate

from srt.cluster import verl_run
from srt.config import SrtConfig, from_hydra
from srt.recipes import build
from srt.train import CONFIGS


def dry_run(config: SrtConfig) -> str:
    """Check a run on verl and describe its needs.

    Raises:
        ValueError: the engine is another one, or verl refuses the configuration.
    """
    if config.engine.name != "verl":
        raise ValueError(f"engine.name is {config.engine.name!r}: a dry run checks what verl would get")
    run = verl_run(config)
    compose_run(run)
    needs = estimate(
        run.train,
        run.engine,
        reference=build(config).kl_in_reward > 0 or config.recipe.kl_coef > 0,
        validation_problems=config.eval.watch_problems,
    )
    return f"verl accepts {config.run_name} seed {config.seed}; nothing was started.\n{needs}"


def engine_of(config: SrtConfig) -> VerlEngine:
    """The part of a configuration that is verl's."""
    return verl_run(config).engine


def composed(name: str, overrides: list[str]) -> SrtConfig:
    """The checked configuration of a command line.

    Raises:
        ValueError: an unknown group, option or value.
    """
    try:
        with initialize_config_dir(CONFIGS, version_base="1.3"):
            return from_hydra(compose(name, overrides))
    except HydraException as error:
        raise ValueError(str(error)) from error


def main(argv: list[str] | None = None) -> int:
    """Command line; overrides are written as for ``srt.train``."""
    parser = argparse.ArgumentParser(prog="python -m srt.dry_run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--config-name", default="paper")
    parser.add_argument("overrides", nargs="*", help="for example preset=llama31_8b arm=srt")
    given = parser.parse_args(argv)
    try:
        print(dry_run(composed(given.config_name, given.overrides)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
