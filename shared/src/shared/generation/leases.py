"""Who does what, agreed through a shared folder alone: leases that outlive nobody.

Workers on any number of machines see one folder. Taking a piece of work is creating one symbolic
link (``symlink`` is atomic and exclusive on POSIX and NFS, and carries its content); being alive is
touching one file; a piece whose owner is no longer alive may be taken again under the next number.
Nothing is ever deleted or renamed under another worker's feet, so there are no locks, no coordinator
and no clocks to agree on: ages are read on the file server's clock alone.

A lease is a hint, not a lock: two workers may do the same piece (after a pause longer than ``ttl``),
and what they store must be the same or mergeable. What a piece is and where results go is the
caller's business (``shared.generation.distributed``).

    FOLDER/work/<piece>.<number>        -> owner     taken for the number-th time
    FOLDER/work/<piece>.<number>.done   -> owner     finished
    FOLDER/workers/<owner>              touched while the owner lives; .left or .failed after it ended
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

MOST_CRASHES = 4
"""A piece whose owners died this many times without saying goodbye is left alone: it may be the cause."""


@dataclass(frozen=True, slots=True)
class Board:
    """One look at the folder.

    Attributes:
        number: of the last lease of every piece that was ever taken.
        done: (piece, number) pairs that were finished.
        held: pieces whose owner is alive.
        lost: pieces given up after :data:`MOST_CRASHES` owners died on them.
        alive: workers that are alive.
    """

    number: dict[str, int]
    done: frozenset[tuple[str, int]]
    held: frozenset[str]
    lost: frozenset[str]
    alive: frozenset[str]

    def is_done(self, piece: str) -> bool:
        """Whether its last owner finished it."""
        return (piece, self.number.get(piece, -1)) in self.done

    def free(self, piece: str, *, distrusted: frozenset[tuple[str, int]] = frozenset()) -> int | None:
        """The number under which the piece can be taken now, or ``None``.

        ``distrusted`` are (piece, number) pairs that claim to be done while their results are missing.
        """
        if piece not in self.number:
            return 0
        last = (piece, self.number[piece])
        if last in self.done:
            return last[1] + 1 if last in distrusted else None
        return None if piece in self.held or piece in self.lost else last[1] + 1


@dataclass
class Leases:
    """One worker's hand in the shared folder; a context manager that joins and leaves.

    Attributes:
        folder: the same for all workers of one piece of work.
        ttl: seconds without a sign of life after which a worker counts as dead. Over NFS give more
            than a minute on top of ``beat``: attribute caches show old times for as long.
        beat: seconds between signs of life.
        patience: seconds without :meth:`progress` after which the signs stop, so that a worker whose
            engine hangs loses its leases; a false alarm costs duplicated work, nothing else.
        name: of this worker; also names its parts.
    """

    folder: Path
    ttl: float = 180.0
    beat: float = 20.0
    patience: float = 3600.0
    name: str = field(
        default_factory=lambda: f"{socket.gethostname().split('.')[0]}-{os.getpid()}-{secrets.token_hex(4)}"
    )

    def __post_init__(self) -> None:
        if not 0 < 2 * self.beat <= self.ttl:
            raise ValueError(f"ttl {self.ttl:g} s is less than two beats of {self.beat:g} s: raise it")
        self._work = self.folder / "work"
        self._sign = self.folder / "workers" / self.name
        self._end = threading.Event()
        self._moved = time.monotonic()
        self._thread = threading.Thread(target=self._live, name="leases", daemon=True)

    def __enter__(self) -> Leases:
        self._work.mkdir(parents=True, exist_ok=True)
        self._sign.parent.mkdir(exist_ok=True)
        self._sign.touch(exist_ok=False)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        failed = kind is not None and issubclass(kind, Exception)  # not a signal to stop
        self._sign.rename(self._sign.with_name(self.name + (".failed" if failed else ".left")))

    def progress(self) -> None:
        """Something was finished: the engine does not hang."""
        self._moved = time.monotonic()

    def look(self) -> Board:
        """Read the folder once."""
        number: dict[str, int] = {}
        owners: dict[tuple[str, int], str] = {}
        done = set()
        for entry in os.scandir(self._work):
            piece, digits, *rest = entry.name.split(".")
            if rest:
                done.add((piece, int(digits)))
            else:
                number[piece] = max(int(digits), number.get(piece, 0))
        alive, crashed_names = self._roll()
        held, lost = set(), set()
        for piece, last in number.items():
            if (piece, last) in done:
                continue
            owners[piece, last] = os.readlink(self._work / f"{piece}.{last}")
            if owners[piece, last] in alive:
                held.add(piece)
            elif last + 1 >= MOST_CRASHES and self._crashes(piece, last, done, crashed_names) >= MOST_CRASHES:
                lost.add(piece)
        return Board(number, frozenset(done), frozenset(held), frozenset(lost), frozenset(alive))

    def take(self, piece: str, number: int) -> bool:
        """Try to become the owner; ``False`` if somebody was faster."""
        try:
            os.symlink(self.name, self._work / f"{piece}.{number}")
        except FileExistsError:
            return False
        return True

    def done(self, piece: str, number: int) -> None:
        """Say that the results of the piece are on disk."""
        with suppress(FileExistsError):
            os.symlink(self.name, self._work / f"{piece}.{number}.done")

    def _live(self) -> None:
        while not self._end.wait(self.beat):
            if time.monotonic() - self._moved < self.patience:
                os.utime(self._sign)  # the server's clock, not ours

    def _roll(self) -> tuple[set[str], set[str]]:
        """Workers that are alive, and those that ended without a goodbye."""
        probe = self._sign.parent / f".{self.name}"
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        alive: set[str] = set()
        crashed: set[str] = set()
        for entry in os.scandir(self._sign.parent):
            if entry.name.startswith(".") or entry.name.endswith(".left"):
                continue
            if entry.name.endswith(".failed"):
                crashed.add(entry.name.removesuffix(".failed"))
                continue
            with suppress(FileNotFoundError):  # it left just now; the next look sees how
                fresh = now - entry.stat().st_mtime <= self.ttl
                (alive if fresh else crashed).add(entry.name)
        return alive, crashed

    def _crashes(self, piece: str, last: int, done: Iterable[tuple[str, int]], crashed: Iterable[str]) -> int:
        finished, dead = set(done), set(crashed)
        return sum(
            (piece, number) not in finished and os.readlink(self._work / f"{piece}.{number}") in dead
            for number in range(last + 1)
        )
