"""The manifest: git state, no secrets, kept when a run resumes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from shared.experiments import git_sha, git_state, write_manifest


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture()
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("a = 1\n")
    git(folder, "add", "a.py")
    git(folder, "commit", "-qm", "one")
    return folder


def test_git_state_tells_changes_apart(checkout: Path) -> None:
    clean = git_state(checkout)
    assert clean == {"sha": git(checkout, "rev-parse", "HEAD"), "dirty": False, "changes_sha256": None}
    hashes = []
    for name, content in [("a.py", "a = 2\n"), ("new.py", "b = 1\n"), ("new.py", "b = 2\n")]:
        (checkout / name).write_text(content)
        state = git_state(checkout)
        assert state is not None and state["dirty"]
        hashes.append(state["changes_sha256"])
    assert len(set(hashes)) == 3
    assert git_sha(checkout).endswith("-dirty")


def test_it_works_outside_git(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "run", config={}, seeds=[0], data_hash=None, code=tmp_path)
    assert manifest["git"] is None
    assert git_sha(tmp_path) == "unknown"


def test_what_it_says(tmp_path: Path) -> None:
    config = {"lr": 1e-4, "max_new_tokens": 40, "tracker": {"api_key": "abc", "hf_token": "def", "name": "x"}}
    manifest = write_manifest(tmp_path, config=config, seeds={"run": 3}, data_hash="d1")
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest
    assert manifest["config"]["max_new_tokens"] == 40
    assert manifest["config"]["tracker"] == {"api_key": "[left out]", "hf_token": "[left out]", "name": "x"}
    assert manifest["seeds"] == {"run": 3}
    assert manifest["data_hash"] == "d1"
    assert manifest["packages"]["numpy"]
    assert manifest["host"]["cpus"] >= 1


def test_resuming_keeps_the_first_start(tmp_path: Path) -> None:
    first = write_manifest(tmp_path, config={"lr": 1}, seeds=[0], data_hash="d")
    second = write_manifest(tmp_path, config={"lr": 1}, seeds=[0], data_hash="d")
    assert second["started_at"] == first["started_at"]
    assert [set(r) for r in second["resumed"]] == [
        {"started_at", "git", "command", "host", "python", "packages"}
    ]


def test_a_config_that_is_not_json_leaves_the_old_manifest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be stored as JSON"):
        write_manifest(tmp_path, config={"path": Path("x")}, seeds=[0], data_hash=None)
    assert list(tmp_path.iterdir()) == []


def test_experiments_do_not_import_torch() -> None:
    code = "import sys, shared.experiments; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
