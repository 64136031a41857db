"""Stop signals: finish the step, save, leave with a code that says "run me again"."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

EXIT_INTERRUPTED = 75
"""Exit status after SIGTERM or SIGUSR1 (EX_TEMPFAIL): saved; the same command continues."""

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Interrupted(SystemExit):
    """Raised once the checkpoint is on disk; ends the process with :data:`EXIT_INTERRUPTED`."""

    def __init__(self, step: int) -> None:
        super().__init__(EXIT_INTERRUPTED)
        self.step = step


class StopSignal:
    """While entered, SIGTERM and SIGUSR1 set :attr:`received` instead of ending the process.

    Outside the main thread, where Python cannot set handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            self._previous = {s: signal.signal(s, self._note) for s in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
