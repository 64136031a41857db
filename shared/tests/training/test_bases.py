"""Warm start: the folder, the cache, resuming, and failing; on a world small enough for seconds."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from shared.data.worlds import Arithmetic, make_tokenizer
from shared.training import Interrupted, OptimConfig, warm_start
from shared.training.bases import ModelShape, WarmStart, WarmStartError, teacher_batch
from transformers import AutoModelForCausalLM, AutoTokenizer

WORLD = Arithmetic(2, operands=2)
SETTINGS = WarmStart(
    levels=(1, 2),
    check_levels=(2,),
    target=0.3,
    optim=OptimConfig(lr=5e-3, betas=(0.9, 0.98), warmup_steps=10),
    batch=32,
    max_steps=200,
    check_every=10,
    check_problems=2,
    check_samples=16,
    shape=ModelShape(hidden=32, layers=1, heads=2, intermediate=64, context=64),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm_start(WORLD, 0, tmp_path_factory.mktemp("bases"), SETTINGS, progress=False)


def test_the_base_is_an_ordinary_folder_that_reached_its_target(base: Path) -> None:
    record = json.loads((base / "warm_start.json").read_text())
    assert record["pass@1"] >= 0.3 and record["steps"] % 10 == 0 and record["seed"] == 0
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    assert model.config.vocab_size == len(tokenizer) == len(WORLD.vocabulary) + 3
    assert model.config.eos_token_id == tokenizer.eos_token_id
    out = model.generate(**tokenizer(["1+1=?"], return_tensors="pt"), max_new_tokens=20, do_sample=False)
    text = tokenizer.decode(out[0], skip_special_tokens=True)
    assert text.startswith("1+1=?") and "\\boxed{" in text
    assert not [p for p in base.parent.iterdir() if p.name.endswith((".work", ".tmp"))]


def test_a_cached_base_is_returned_untouched_and_other_settings_get_another(base: Path) -> None:
    weights = base / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert warm_start(WORLD, 0, base.parent, SETTINGS) == base
    assert weights.stat().st_mtime_ns == before
    short = dataclasses.replace(SETTINGS, max_steps=10, check_every=10, target=0.0)
    others = [
        warm_start(WORLD, 1, base.parent, short, progress=False),
        warm_start(WORLD, 1, base.parent, dataclasses.replace(short, noise=0.2), progress=False),
        warm_start(Arithmetic(3, operands=2), 1, base.parent, short, progress=False),
    ]
    assert len({base, *others}) == 4


def test_a_stopped_warm_start_continues_to_the_same_weights(tmp_path: Path, monkeypatch) -> None:
    settings = dataclasses.replace(SETTINGS, max_steps=20, check_every=20, target=0.0)
    whole = warm_start(WORLD, 5, tmp_path / "whole", settings, progress=False)

    def interrupted_batch(*args):
        if args[-1] == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return teacher_batch(*args)

    with monkeypatch.context() as patch:
        patch.setattr("shared.training.bases.teacher_batch", interrupted_batch)
        with pytest.raises(Interrupted):
            warm_start(WORLD, 5, tmp_path / "cut", settings, progress=False)
    assert not [p for p in (tmp_path / "cut").iterdir() if not p.name.startswith(".")]
    resumed = warm_start(WORLD, 5, tmp_path / "cut", settings, progress=False)
    expected = load_file(whole / "model.safetensors")
    found = load_file(resumed / "model.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_target_out_of_reach_is_said_and_leaves_no_base(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, max_steps=10, target=1.1)
    with pytest.raises(WarmStartError, match="allow more steps or lower the target"):
        warm_start(WORLD, 0, tmp_path, settings, progress=False)
    assert not [p for p in tmp_path.iterdir() if not p.name.startswith(".")]


def test_teacher_batches_follow_from_their_arguments_and_end_with_eos() -> None:
    tokenizer = make_tokenizer(WORLD.vocabulary)
    batch = teacher_batch(WORLD, tokenizer, SETTINGS, 0, 3)
    assert batch == teacher_batch(WORLD, tokenizer, SETTINGS, 0, 3)
    assert batch != teacher_batch(WORLD, tokenizer, SETTINGS, 1, 3)
    assert len(batch) == 32
    assert all(
        e.response[-1] == tokenizer.eos_token_id and e.prompt[0] == tokenizer.bos_token_id for e in batch
    )
