"""Progress of long stages: a bar with time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_LINE_EVERY = 30.0  # seconds between lines when the output is a log file


class Bar:
    """One labelled count at a time."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._rich: Progress | None = None
        self._task: TaskID | None = None
        self._label = ""
        self._begin = self._said = time.monotonic()

    def start(self, label: str) -> None:
        """Begin counting something."""
        self._label = label
        self._begin = self._said = time.monotonic()
        if self._console.is_terminal:
            if self._rich is None:
                columns = (
                    TextColumn("{task.description}"),
                    BarColumn(),
                    MofNCompleteColumn(),
                    TimeRemainingColumn(),
                )
                self._rich = Progress(*columns, TextColumn("{task.fields[extra]}"), console=self._console)
                self._rich.start()
            self._task = self._rich.add_task(label, total=None, extra="")

    def update(self, done: int, total: int, extra: str = "") -> None:
        """Show ``done`` of ``total``."""
        if self._rich is not None and self._task is not None:
            self._rich.update(self._task, completed=done, total=total, extra=extra)
            return
        now = time.monotonic()
        if now - self._said >= _LINE_EVERY or (done == total and now - self._begin >= 1):
            self._said = now
            left = (now - self._begin) / done * (total - done)
            print(
                f"{self._label}: {done}/{total} {extra} about {left:.0f} s left", file=sys.stderr, flush=True
            )

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich is not None:
            self._rich.stop()
