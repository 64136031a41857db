"""Where the cases and the benchmark references are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
BENCHMARKS = Path(__file__).resolve().parents[4] / "shared" / "benchmarks"


def load_cases(name: str) -> list[dict[str, Any]]:
    """The groups of one case file."""
    return list(yaml.safe_load((HERE / name).read_text(encoding="utf-8")))


def benchmark_rows(pattern: str = "*.jsonl") -> Iterator[dict[str, Any]]:
    """All rows with a reference answer in text form."""
    for path in sorted(BENCHMARKS.glob(pattern)):
        if not path.name.startswith("r360_"):
            for line in path.read_text(encoding="utf-8").splitlines():
                yield {**json.loads(line), "file": path.stem}


@pytest.fixture(scope="session")
def references() -> list[dict[str, Any]]:
    """Every row of every benchmark set beside the checkout; skips where there is none."""
    if not BENCHMARKS.is_dir():
        pytest.skip("The benchmark sets are not beside this checkout.")
    return list(benchmark_rows())
