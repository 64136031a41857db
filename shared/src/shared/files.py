"""Small files, written whole or not at all. Large ones (checkpoints, stored draws) have their own care."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file by new contents, synced to disk; on any failure the old file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")  # pids repeat across machines
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    write_atomically(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON that strict readers accept (no NaN or infinity)."""
    data = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, data.encode())


def read_json(path: Path) -> Any:
    """Read JSON, refusing NaN and infinity.

    Raises:
        ValueError: the file is missing or is not JSON.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{path}: {word} is not a number")

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except FileNotFoundError as error:
        raise ValueError(f"there is no {path}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
