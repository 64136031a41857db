"""``python -m sept.dry_run --config-name paper preset=... arm=...``: check a verl run, start nothing.

Composes verl's full configuration and holds it to verl's own schema and rules (verl must be
installed, a GPU need not be), then prints what the run will need. Data and model are not read.
"""

from __future__ import annotations

import argparse
import sys

from shared.on_verl import compose_run
from shared.on_verl.estimate import estimate

from sept.cluster import verl_run
from sept.commands import composed
from sept.config import SeptConfig


def dry_run(config: SeptConfig) -> str:
    """Check a run on verl and describe its needs.

    Raises:
        ValueError: the engine is another one, or verl refuses the configuration.
    """
    if config.engine.name != "verl":
        raise ValueError(f"engine.name is {config.engine.name!r}: a dry run checks what verl would get")
    run = verl_run(config)
    compose_run(run)
    needs = estimate(run.train, run.engine, reference=False, validation_problems=config.eval.watch_problems)
    return f"verl accepts {config.run_name} seed {config.seed}; nothing was started.\n{needs}"


def main(argv: list[str] | None = None) -> int:
    """Command line; overrides are written as for ``sept.train``."""
    parser = argparse.ArgumentParser(
        prog="python -m sept.dry_run", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--config-name", default="paper")
    parser.add_argument("overrides", nargs="*", help="for example preset=llama31_8b arm=sept")
    given = parser.parse_args(argv)
    try:
        print(dry_run(composed(given.config_name, given.overrides)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
