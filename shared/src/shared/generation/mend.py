"""Damaged parts: what can be read of them is kept, the part is set aside, the rest is generated again.

Torn last lines of killed writers are no damage (the store ignores them). A flipped bit, a truncated
Parquet file or lines overwritten by a broken disk are: here they cost the samples they held and
nobody's attention. Damage that leaves valid JSON in an open part is not seen; sealed parts carry
page checksums.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from shared.generation.store import PartStore, R


def mend(store: PartStore[R], alive: Collection[str] = ()) -> list[Path]:
    """Set damaged parts aside as ``<name>.damaged``; returns them.

    Args:
        alive: tags of writers that are at work: their open parts are theirs to write, and a reader on
            another machine can see them half way, so they are left alone.
    """
    aside = []
    for part in store.parts():
        if part.suffix == ".jsonl" and any(part.name.startswith(f"part-{tag}-") for tag in alive):
            continue
        try:
            for _ in store.read(part):
                pass
        except FileNotFoundError:
            continue  # sealed or set aside by somebody else meanwhile
        except (ValueError, OSError, pa.ArrowException) as error:
            kept = _readable(store, part)
            if kept:
                with store.writer("mended") as writer:
                    writer.append(kept)
            target = part.with_name(part.name + ".damaged")
            part.rename(target)
            aside.append(target)
            print(f"{part} is damaged ({error}): kept {len(kept)} of its records, set it aside as "
                  f"{target.name}, the others will be made again", file=sys.stderr, flush=True)  # fmt: skip
    return aside


def _readable(store: PartStore[R], part: Path) -> list[R]:
    """The records of a damaged part of lines that can still be read; a Parquet file goes as a whole."""
    if part.suffix != ".jsonl":
        return []
    names = set(store.record.__dataclass_fields__)
    kept = []
    for line in part.read_bytes().split(b"\n")[:-1]:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and set(row) == names:
            kept.append(store.record(**row))
    return kept
