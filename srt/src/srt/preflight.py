"""``python -m srt.preflight --config-name paper preset=... arm=...``: is everything there for this run?

Prepares data files that are missing, then checks the GPUs of this machine against the settings and
the estimate. The launch scripts call it before training; nothing here trains.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from shared.data.prepare import Labels, prepare
from shared.on_verl import VerlEngine
from shared.on_verl.estimate import estimate

from srt import run as local
from srt.config import SrtConfig
from srt.dry_run import composed, engine_of

HELD_OUT_TAG = ".held-out"
HELD_OUT = {"dapo": 174}
"""Problems kept for validation: 1 % of DAPO (paper v1, early stopping)."""
HELD_OUT_ELSEWHERE = 128
"""The same for other training sets (ours)."""


@dataclass(frozen=True, slots=True)
class Need:
    """A data set to prepare: its card's name, the folder, and how many problems to hold out."""

    name: str
    folder: Path
    held_out: int


def missing_data(config: SrtConfig) -> list[Need]:
    """Data sets of which a file named in the configuration is not there yet."""
    files = [Path(f) for f in (*config.data.train, *config.data.validation, *config.data.test)]
    held = {f.name.split(HELD_OUT_TAG)[0] for f in files if HELD_OUT_TAG in f.name}
    needs: dict[str, Need] = {}
    for file in files:
        name = file.name.split(".")[0]
        if not file.is_file():
            count = HELD_OUT.get(name, HELD_OUT_ELSEWHERE) if name in held else 0
            needs[name] = Need(name, file.parent, count)
    return list(needs.values())


def prepare_data(config: SrtConfig, from_folder: Path | None = None) -> list[str]:
    """Prepare what is missing; returns what was made, one line each.

    Raises:
        ValueError, FileNotFoundError: see :func:`shared.data.prepare.prepare`.
    """
    made = []
    for need in missing_data(config):
        done = prepare(
            need.name, need.folder, from_folder=from_folder, labels=Labels(), held_out=need.held_out
        )
        made.append(f"prepared {need.name}: {done.rows} rows in {done.parquet}")
    return made


def check_gpus(config: SrtConfig, memory: list[float]) -> str:
    """Hold the GPUs of this node (GiB each) to what the run needs; returns a line about them.

    Raises:
        ValueError: too few GPUs, or too small ones.
    """
    wanted = config.engine.gpus_per_node if config.engine.name == "verl" else 1
    if len(memory) < wanted:
        raise ValueError(
            f"this run needs {wanted} GPUs on each node, {len(memory)} found. Set engine.gpus_per_node and "
            "engine.tensor_parallel to what there is, or take --config-name gpu (one GPU) or mini (none)"
        )
    if config.engine.name != "verl":
        return f"{len(memory)} GPU with {min(memory):.0f} GiB"
    needs = estimate(local.train_config(config), engine_of(config), reference=config.recipe.kl_coef > 0)
    peak = max(sum(needs.training.values()), _sampling_peak(needs.sampling, engine_of(config), min(memory)))
    if peak > min(memory):
        raise ValueError(
            f"about {peak:.0f} GiB a GPU are needed, the smallest here has {min(memory):.0f}: lower "
            "engine.tokens_per_gpu or engine.gpu_memory, or raise engine.nodes (srt.dry_run shows the parts)"
        )
    return f"{len(memory)} GPUs with {min(memory):.0f} GiB each, about {peak:.0f} GiB needed"


def _sampling_peak(parts: dict[str, float], engine: VerlEngine, memory: float) -> float:
    """vLLM's share is of the card that is there, not of the one the estimate assumed."""
    beside = parts["weights, Adam"] + parts["allowance"]
    return beside + max(engine.gpu_memory * memory, parts["vLLM weights"])


def gpu_memory() -> list[float]:
    """GiB of each GPU of this machine."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [torch.cuda.get_device_properties(i).total_memory / 1024**3 for i in range(count)]


def main(argv: list[str] | None = None) -> int:
    """Command line; overrides are written as for ``srt.train``."""
    parser = argparse.ArgumentParser(
        prog="python -m srt.preflight", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--config-name", default="paper")
    parser.add_argument("--from-folder", type=Path, help="take data from this local copy, not from the hub")
    parser.add_argument("--data-only", action="store_true", help="prepare data and do not look for GPUs")
    parser.add_argument("overrides", nargs="*", help="for example preset=llama31_8b arm=srt")
    given = parser.parse_args(argv)
    try:
        config = composed(given.config_name, given.overrides)
        if not given.data_only:  # first: data need not be fetched for a machine that cannot train
            print(check_gpus(config, gpu_memory()))
        for line in prepare_data(config, given.from_folder):
            print(line)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
