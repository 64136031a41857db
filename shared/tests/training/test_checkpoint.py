"""Checkpoints: exact, readable by others, and never at the cost of earlier ones."""

import errno
import os
import resource
import subprocess
from pathlib import Path

import pytest
import torch
from shared.training import (
    CheckpointError,
    OptimConfig,
    checkpoints,
    load_latest,
    load_weights,
    save_checkpoint,
    verify_checkpoint,
    weights,
)
from shared.training.optimizer import make_optimizer
from tiny_policy import tiny_model, tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer


def _trained(kind: str = "qwen2", steps: int = 2) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = tiny_model(kind)
    optimizer = make_optimizer(model, OptimConfig(lr=1e-2))
    for step in range(steps):
        model(torch.tensor([[1, 4 + step, 5]])).logits.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


@pytest.mark.parametrize("kind", ["qwen2", "llama", "gpt2"])
def test_weights_and_moments_come_back_bit_for_bit(tmp_path: Path, kind: str) -> None:
    model, optimizer = _trained(kind)
    save_checkpoint(tmp_path, 2, model, optimizer, {"cursor": 7})
    other = tiny_model(kind, seed=9)
    other_optimizer = make_optimizer(other, OptimConfig(lr=1e-2))
    assert load_latest(tmp_path, other, other_optimizer) == {"step": 2, "cursor": 7}
    for m, o in ((model, optimizer), (other, other_optimizer)):  # the next step shows the moments
        m(torch.tensor([[1, 9, 5]])).logits.square().mean().backward()
        o.step()
    ours, theirs = weights(model), weights(other)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
def test_a_checkpoint_is_a_model_folder(tmp_path: Path, kind: str) -> None:
    model, optimizer = _trained(kind)
    path = save_checkpoint(tmp_path, 2, model, optimizer, {}, tokenizer=tiny_tokenizer())
    loaded, tokenizer = AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path)
    ids = torch.tensor([tokenizer("1+2=?")["input_ids"]])
    assert torch.equal(loaded(ids).logits, model(ids).logits)
    assert not [p for p in path.iterdir() if p.suffix in (".bin", ".pt", ".pkl", ".pth")]


def test_old_checkpoints_go_and_latest_points_at_the_newest(tmp_path: Path) -> None:
    model, optimizer = _trained()
    (tmp_path / ".tmp-step-000001-99").mkdir()  # of a process that was killed
    for step in (1, 2, 3, 10):
        save_checkpoint(tmp_path, step, model, optimizer, {}, keep_last=2)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-000010", "step-000003"]
    assert (tmp_path / "latest").read_text() == "step-000010\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "step-000003", "step-000010"]


def test_no_checkpoint_is_none_and_another_model_is_refused(tmp_path: Path) -> None:
    model, optimizer = _trained()
    assert load_latest(tmp_path / "absent", model, optimizer) is None
    save_checkpoint(tmp_path, 1, model, optimizer, {})
    with pytest.raises(CheckpointError, match="another model"):
        load_latest(tmp_path, tiny_model("gpt2"), None)
    short = weights(model)
    short["model.norm.weight"] = short["model.norm.weight"][:3]
    with pytest.raises(CheckpointError, match=r"model\.norm\.weight has another shape"):
        load_weights(model, short)


def _assert_untouched(folder: Path) -> None:
    assert [p.name for p in checkpoints(folder)] == ["step-000001"]
    assert verify_checkpoint(folder / "step-000001") is None
    assert (folder / "latest").read_text() == "step-000001\n"
    assert not list(folder.glob(".tmp-step*"))


def test_a_file_size_limit_leaves_earlier_checkpoints_alone(tmp_path: Path) -> None:
    model, optimizer = _trained()
    save_checkpoint(tmp_path, 1, model, optimizer, {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # smaller than the weights
    try:
        with pytest.raises(CheckpointError, match="free some disk space"):
            save_checkpoint(tmp_path, 2, model, optimizer, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    _assert_untouched(tmp_path)


@pytest.mark.parametrize("call", ["fsync", "rename", "replace"])
def test_a_full_disk_at_any_call_leaves_earlier_checkpoints_alone(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, optimizer = _trained()
    save_checkpoint(tmp_path, 1, model, optimizer, {})

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(CheckpointError, match="No space left on device"):
            save_checkpoint(tmp_path, 2, model, optimizer, {})
    assert verify_checkpoint(tmp_path / "step-000001") is None
    if call != "replace":  # by then the new checkpoint is complete, only the pointer is old
        _assert_untouched(tmp_path)
    save_checkpoint(tmp_path, 2, model, optimizer, {})
    assert load_latest(tmp_path, model, optimizer) == {"step": 2}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_file_system_that_is_really_full(tmp_path: Path) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False)
    if mount.returncode != 0:
        pytest.skip("this machine does not allow mounts")
    try:
        model, optimizer = _trained()
        save_checkpoint(tmp_path, 1, model, optimizer, {})
        free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_bsize
        (tmp_path / "filler").write_bytes(b"0" * (free - 50_000))
        with pytest.raises(CheckpointError, match="free some disk space"):
            save_checkpoint(tmp_path, 2, model, optimizer, {})
        _assert_untouched(tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
