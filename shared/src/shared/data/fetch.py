"""Raw rows of a data set: from the hub or GitHub at a fixed revision, or from a local folder.

The network libraries are imported when they are needed; everything here works offline with a folder.
"""

from __future__ import annotations

import csv
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.data.cards import Card, GitHub, Hub

_TIMEOUT = 60.0  # seconds for one request to GitHub


@dataclass(frozen=True, slots=True)
class Fetched:
    """Raw rows and where they are from.

    Attributes:
        rows: as the source has them.
        revision: commit they were read at; ``None`` for a local folder.
        origin: for the manifest.
    """

    rows: list[dict[str, Any]]
    revision: str | None
    origin: str


def fetch(card: Card, revision: str | None) -> Fetched:
    """Rows from the card's source at ``revision``, or at the newest commit when it is ``None``.

    Raises:
        ValueError: a library is missing, the source cannot be reached, or has no such revision.
    """
    if card.hub is not None:
        return _from_hub(card, card.hub, revision)
    if card.github is not None:
        return _from_github(card, card.github, revision)
    raise ValueError(f"{card.name} is not downloaded: it is made from {card.origin}")


def read_folder(card: Card, folder: Path) -> Fetched:
    """Raw rows of files laid out as the source has them: ``folder/<name>/*.parquet|jsonl|json|csv``.

    Raises:
        FileNotFoundError: there are no such files.
    """
    here = folder / card.name
    files = sorted(p for p in here.rglob("*") if p.suffix in (".parquet", ".jsonl", ".json", ".csv"))
    if not files:
        raise FileNotFoundError(
            f"{card.name}: {folder} has neither {card.file} (canonical rows) nor data files in {here} "
            f"(as downloaded from {card.origin})"
        )
    rows = [row for path in files for row in read_raw(path)]
    return Fetched(rows, None, f"{here} ({len(files)} files)")


def read_raw(path: Path) -> list[dict[str, Any]]:
    """Rows of one file by its suffix.

    Raises:
        ValueError: JSON that is not a list of objects.
    """
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_table(path).to_pylist())
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines(keepends=True)))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError(f"{path} is JSON but no list of rows")
    return rows


def _from_hub(card: Card, hub: Hub, revision: str | None) -> Fetched:
    try:
        import datasets
        import huggingface_hub
        from httpx import HTTPError
    except ImportError as error:
        raise ValueError(
            f"downloading {card.name} needs the hub's libraries: pip install datasets huggingface_hub, "
            "or pass --from-folder"
        ) from error
    try:
        at = revision or huggingface_hub.HfApi().dataset_info(hub.id).sha
        table = datasets.load_dataset(hub.id, hub.config, split=hub.split, revision=at)
    except (OSError, HTTPError, ValueError, huggingface_hub.errors.OfflineModeIsEnabled) as error:
        terms = " Accept its terms on the hub and log in with `hf auth login`." if hub.gated else ""
        raise ValueError(
            f"{card.name}: cannot read {hub.id}, split {hub.split}, at {revision or 'the newest revision'}: "
            f"{str(error).splitlines()[0][:200]}.{terms} Offline, pass --from-folder with the files"
        ) from error
    return Fetched([dict(row) for row in table], at, hub.id)


def _from_github(card: Card, source: GitHub, revision: str | None) -> Fetched:
    try:
        at = revision or json.loads(_get(f"https://api.github.com/repos/{source.id}/commits/HEAD"))["sha"]
        text = _get(f"https://raw.githubusercontent.com/{source.id}/{at}/{source.path}")
    except (urllib.error.URLError, TimeoutError) as error:
        raise ValueError(
            f"{card.name}: cannot read {source.path} of github.com/{source.id} at {revision or 'HEAD'}: "
            f"{error}. Offline, pass --from-folder with the file"
        ) from error
    rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    return Fetched(rows, at, card.origin)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
        return str(answer.read().decode("utf-8"))
