"""``manifest.json``: what a run is, written before it does anything else.

Code version, resolved configuration, seeds, data hash, package versions and facts about the host.
No environment variables, user or host names; configuration values whose key looks like a
credential are left out. Works outside git, where the code version is null.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from shared.files import read_json, write_json

_SECRET = re.compile(r"password|secret|credential|api_?key|(access|auth|hub|hf|wandb)_?token", re.IGNORECASE)


def write_manifest(
    folder: Path,
    *,
    config: Mapping[str, Any],
    seeds: Sequence[int] | Mapping[str, int],
    data_hash: str | None,
    code: Path | None = None,
) -> dict[str, Any]:
    """Write ``folder/manifest.json`` and return it.

    A folder that has one is a run being resumed: its manifest is kept and the new start is
    appended under ``resumed``, so that a change of code or machine in mid-run stays visible.

    Args:
        folder: run folder; made if needed.
        config: resolved configuration, JSON values.
        seeds: the seeds of the run.
        data_hash: hash of the data it uses, None when there is none.
        code: a folder inside the git checkout; by default where this package lives.

    Raises:
        ValueError: the configuration is not made of JSON values.
    """
    start = {
        "started_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git": git_state(code or Path(__file__).parent),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "host": _host(),
        "python": platform.python_version(),
        "packages": _packages(),
    }
    path = folder / "manifest.json"
    if path.exists():
        manifest = read_json(path)
        manifest.setdefault("resumed", []).append(start)
    else:
        manifest = {
            **start,
            "config": without_secrets(config),
            "seeds": dict(seeds) if isinstance(seeds, Mapping) else list(seeds),
            "data_hash": data_hash,
        }
    try:
        json.dumps(manifest, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the configuration cannot be stored as JSON: {error}") from error
    write_json(path, manifest)
    return manifest


def git_state(path: Path) -> dict[str, Any] | None:
    """Commit, whether there are changes, and a hash of them; None outside git or without git.

    The hash covers the diff to the commit and the contents of untracked files.
    """
    top = _git(path, "rev-parse", "--show-toplevel")
    sha = _git(path, "rev-parse", "HEAD")
    if top is None or sha is None:
        return None
    root = Path(os.fsdecode(top.rstrip(b"\n")))
    diff = _git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-color") or b""
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z") or b""
    dirty = bool(diff or untracked)
    digest = hashlib.sha256(diff)
    for name in sorted(filter(None, untracked.split(b"\0"))):
        digest.update(name + b"\0" + _file_hash(root / os.fsdecode(name)))
    return {
        "sha": sha.decode().strip(),
        "dirty": dirty,
        "changes_sha256": digest.hexdigest() if dirty else None,
    }


def git_sha(path: Path | None = None) -> str:
    """The commit for a summary: with "-dirty" when there are changes, "unknown" outside git."""
    state = git_state(path or Path(__file__).parent)
    if state is None:
        return "unknown"
    return f"{state['sha']}-dirty" if state["dirty"] else str(state["sha"])


def without_secrets(value: Any) -> Any:
    """The same plain value with whatever stands under a credential-like key replaced."""
    if isinstance(value, Mapping):
        return {
            str(k): "[left out]" if _SECRET.search(str(k)) and v else without_secrets(v)
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without_secrets(v) for v in value]
    return value


def _git(path: Path, *arguments: str) -> bytes | None:
    command = ["git", "-C", str(path), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _file_hash(path: Path) -> bytes:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:  # gone since git listed it, a dangling link, or a nested repository
        return b"unreadable"
    return digest.digest()


def _packages() -> dict[str, str]:
    found = {d.metadata["Name"]: d.version for d in metadata.distributions() if d.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def _host() -> dict[str, Any]:
    facts: dict[str, Any] = {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_bytes": _memory(),
        "gpus": [],
    }
    torch = sys.modules.get("torch")  # not imported for this: reports must work without it
    if torch is not None and torch.cuda.is_available():
        facts["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return facts


def _memory() -> int | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
