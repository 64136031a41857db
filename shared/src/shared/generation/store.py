"""Where draws are kept: append-only parts that survive ``kill -9`` and can be merged in any order.

A writer appends JSON lines to a part of its own and forces them to disk after every unit; a clean
close seals the part as compressed Parquet (temporary file, fsync, rename). A part left by a killed
process stays as it is: its last line may be torn and is ignored. Reading takes the union of all
parts of all writers; the same draw twice counts once, so copying shards together is idempotent.
What must be generated, and what a change of settings means, is decided by the caller: one store
holds the draws of one fingerprint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq


class Record(Protocol):
    """A frozen dataclass of plain values with a unique ``key`` inside its store."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> tuple[Any, ...]: ...


R = TypeVar("R", bound=Record)


class PartStore(Generic[R]):
    """A folder of parts holding records of one dataclass.

    Args:
        folder: created on the first write.
        record: the dataclass; its fields are the columns.
    """

    def __init__(self, folder: Path, record: type[R]) -> None:
        self.folder = folder
        self.record = record
        self._names = [field.name for field in fields(record)]

    def parts(self) -> list[Path]:
        """Sealed and open parts, by name."""
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if p.suffix in (".parquet", ".jsonl"))

    def load(self) -> list[R]:
        """All records, each key once, ordered by key.

        Two different records under one key (two engines raced without shards) are resolved by
        content, not by arrival, so every reader sees the same one.
        """
        found: dict[tuple[Any, ...], R] = {}
        for part in self.parts():
            for record in self.read(part):
                known = found.get(record.key)
                if known is None or repr(record) < repr(known):
                    found[record.key] = record
        return [found[key] for key in sorted(found)]

    def keys(self) -> set[tuple[Any, ...]]:
        """Keys of all stored records."""
        return {record.key for part in self.parts() for record in self.read(part)}

    def writer(self, tag: str) -> PartWriter[R]:
        """A new part; ``tag`` (e.g. ``0-of-4``) only makes its name readable."""
        return PartWriter(self, tag)

    def read(self, part: Path) -> Iterator[R]:
        """The records of one part; ValueError or OSError when it is damaged."""
        if part.suffix == ".jsonl" and not part.exists():
            part = part.with_suffix(".parquet")  # sealed by its writer since we listed the folder
        if part.suffix == ".parquet":
            rows: Iterable[dict[str, Any]] = pq.read_table(part, page_checksum_verification=True).to_pylist()
        else:
            rows = _read_lines(part)
        for row in rows:
            if set(row) != set(self._names):
                raise ValueError(
                    f"{part} holds columns {sorted(row)}, expected {sorted(self._names)}: it was written by "
                    "another version; move the folder away or regenerate into a new one"
                )
            yield self.record(**row)


def _read_lines(part: Path) -> Iterator[dict[str, Any]]:
    data = part.read_bytes()
    end = data.rfind(b"\n") + 1  # what follows the last newline was torn by a kill
    for number, line in enumerate(data[:end].splitlines(), start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{part} line {number} is damaged ({error}): delete that line and re-run"
            ) from error


class PartWriter(Generic[R]):
    """Appends records; used as a context manager, it seals its part on a clean exit."""

    def __init__(self, store: PartStore[R], tag: str) -> None:
        self._store = store
        self._tag = tag
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    def append(self, records: Iterable[R]) -> None:
        """Write records and force them to disk: after this returns, no kill can lose them."""
        lines = b"".join(json.dumps(asdict(r), ensure_ascii=False).encode() + b"\n" for r in records)
        if self._file is None:
            self._file = self._open()
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _open(self) -> BinaryIO:
        folder = self._store.folder
        folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            stem = f"part-{self._tag}-{number:05d}"
            number += 1
            if (folder / f"{stem}.parquet").exists():
                continue
            self._path = folder / f"{stem}.jsonl"
            try:
                return open(self._path, "xb")
            except FileExistsError:
                continue

    def close(self) -> None:
        """Seal the part: Parquet takes the place of the lines, complete or not at all."""
        if self._file is None or self._path is None:
            return
        self._file.close()
        self._file = None
        rows = list(_read_lines(self._path))
        final = self._path.with_suffix(".parquet")
        temporary = final.with_suffix(".tmp")
        pq.write_table(pa.Table.from_pylist(rows), temporary, compression="zstd", write_page_checksum=True)
        publish(temporary, final)
        self._path.unlink()

    def __enter__(self) -> PartWriter[R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._file is not None:
            self._file.close()


def publish(temporary: Path, final: Path) -> None:
    """Move a finished file into place so that it is there completely or not at all."""
    with open(temporary, "rb") as handle:
        os.fsync(handle.fileno())
    os.replace(temporary, final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
