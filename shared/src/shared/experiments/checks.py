"""Reading plain values (JSON, YAML) strictly: each function returns the value or says what is wrong.

Every message names the place in the file. Shared by the summary and the claims file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def fields(
    value: Any, where: str, required: Iterable[str] = (), optional: Iterable[str] = ()
) -> dict[str, Any]:
    """A mapping with exactly these keys, optional ones allowed to be absent."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a mapping, found {type(value).__name__}")
    required, optional = set(required), set(optional)
    missing = sorted(required - value.keys())
    unknown = sorted(str(k) for k in value.keys() - required - optional)
    if missing:
        raise ValueError(f"{where}: missing {', '.join(missing)}")
    if unknown:
        known = ", ".join(sorted(required | optional))
        raise ValueError(f"{where}: unknown key {', '.join(unknown)} (there is {known})")
    return value


def text(value: Any, where: str) -> str:
    """A string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: expected text, found {value!r}")
    return value.strip()


def number(value: Any, where: str) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number, found {value!r}")
    return float(value)


def integer(value: Any, where: str, minimum: int = 0) -> int:
    """A whole number of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{where}: expected a whole number of at least {minimum}, found {value!r}")
    return value


def items(value: Any, where: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise ValueError(f"{where}: expected a list, found {type(value).__name__}")
    return value


def choice(value: Any, where: str, allowed: Iterable[str]) -> str:
    """One of the allowed words."""
    options = list(allowed)
    if value not in options:
        raise ValueError(f"{where}: expected one of {', '.join(options)}, found {value!r}")
    return str(value)


def numbers(value: Any, where: str) -> dict[str, float]:
    """A mapping of names to finite numbers."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a mapping, found {type(value).__name__}")
    return {text(k, where): number(v, f"{where}.{k}") for k, v in value.items()}
