"""What the local loop and the supervised trainer share: one run folder, started or resumed.

It refuses to continue a folder that another configuration began, restores the newest intact
checkpoint, and on each save makes the metrics durable before the checkpoint that relies on them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from shared.files import write_atomically
from shared.training.checkpoint import load_latest, save_checkpoint
from shared.training.runlog import MetricsLog, Tracker

logger = logging.getLogger(__name__)


class RunFolder:
    """The files of one run.

    Args:
        path: the folder; made if needed.
        identity: everything that makes two runs the same run (settings, arm, data hash), as JSON
            values. It is written to ``identity.json`` and compared when the run is resumed.
        model, optimizer: what checkpoints hold; overwritten when there is one to resume from.
        tokenizer: saved beside the weights, so that a checkpoint is a complete model folder.
        keep_last: checkpoints to keep.
        trackers: mirrors of the metrics.

    Attributes:
        step: updates done so far.
        state: what was passed to :meth:`save` as state, empty for a new run.
        log: the metrics log.

    Raises:
        ValueError: the folder belongs to a run with another identity.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        model: Any,
        optimizer: torch.optim.Optimizer,
        tokenizer: Any = None,
        *,
        keep_last: int = 2,
        trackers: Iterable[Tracker] = (),
    ) -> None:
        self.path = path
        self._model, self._optimizer, self._tokenizer = model, optimizer, tokenizer
        self._keep_last = keep_last
        check_identity(path, identity)
        for left_over in path.rglob(".*.tmp"):  # of a writer that was killed; a run has one process
            left_over.unlink(missing_ok=True)
        loaded = load_latest(path / "checkpoints", model, optimizer)
        self.step: int = 0 if loaded is None else loaded.pop("step")
        self.state: dict[str, Any] = loaded or {}
        self._saved_step = None if loaded is None else self.step
        self.log = MetricsLog(path / "metrics.jsonl", self._saved_step, trackers)
        if loaded is not None:
            logger.info("resumed %s at step %d", path, self.step)

    @property
    def resumed(self) -> bool:
        """Whether a checkpoint was loaded or saved."""
        return self._saved_step is not None

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Checkpoint ``step`` unless it is already on disk."""
        if step == self._saved_step:
            return
        self.log.sync()
        save_checkpoint(
            self.path / "checkpoints",
            step,
            self._model,
            self._optimizer,
            state,
            tokenizer=self._tokenizer,
            keep_last=self._keep_last,
        )
        self._saved_step = step


def check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Write ``identity.json`` in a new run folder, or compare with it in an old one."""
    file = path / "identity.json"
    now = json.loads(json.dumps(identity))
    if file.exists():
        before = json.loads(file.read_text())
        changed = sorted(_differences(before, now))
        if changed:
            raise ValueError(
                f"{path} was started with other settings ({'; '.join(changed[:5])}): "
                "use another run folder, or the settings it was started with"
            )
        return
    path.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(now, indent=1, sort_keys=True).encode())


def _differences(before: Any, now: Any, prefix: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in before.keys() | now.keys():
            found += _differences(before.get(key), now.get(key), f"{prefix}{key}.")
        return found
    return [] if before == now else [f"{prefix[:-1]} was {before!r}, is {now!r}"]
