"""Repeated problems: the same text twice is one problem, with two answers it is none.

Texts are compared after Unicode normalisation and with all white space folded. Paraphrases are not
found.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """What is left.

    Attributes:
        rows: the first of each problem, in file order.
        repeated: rows dropped because an earlier one says the same.
        conflicting: problems dropped because their rows give different answers.
    """

    rows: list[dict[str, Any]]
    repeated: int
    conflicting: int


def same_text(text: str) -> str:
    """A key that is equal for texts that differ only in white space or Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def deduplicate(rows: Sequence[dict[str, Any]]) -> Deduplicated:
    """Keep the first canonical row of each problem text; drop texts with two different answers."""
    first: dict[str, dict[str, Any]] = {}
    conflicts: set[str] = set()
    for row in rows:
        key = same_text(row["problem"])
        if key not in first:
            first[key] = row
        elif same_text(str(first[key]["answer"])) != same_text(str(row["answer"])):
            conflicts.add(key)
    kept = [row for key, row in first.items() if key not in conflicts]
    return Deduplicated(kept, len(rows) - len(first), len(conflicts))
