"""From the words of a command line to a checked configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from sept.config import SeptConfig, from_hydra

HOME = Path(__file__).resolve().parents[2]
CONFIGS = str(HOME / "configs")


def composed(name: str, overrides: Sequence[str]) -> SeptConfig:
    """The checked configuration of ``--config-name name overrides...``.

    Raises:
        ValueError: an unknown group, option or value.
    """
    try:
        with initialize_config_dir(CONFIGS, version_base="1.3"):
            return from_hydra(compose(name, list(overrides)))
    except HydraException as error:
        raise ValueError(str(error)) from error
