"""Project settings become verl values; what verl cannot do is refused in one sentence."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import verl_toy
from shared.on_verl import VerlEngine, verl_values
from shared.training import OptimConfig, TrainConfig

TRAIN = TrainConfig(
    seed=1, steps=10, prompts_per_step=16, n=32, max_new_tokens=3072, optim=OptimConfig(lr=1e-6)
)
ENGINE = VerlEngine(model="Qwen/Qwen2.5-Math-7B")


def _values(
    train: TrainConfig = TRAIN, engine: VerlEngine = ENGINE, validates: bool = True, **arm: Any
) -> dict[str, Any]:
    return verl_values(train, engine, verl_toy.build(arm), Path("/run"), validates=validates)


def test_shared_settings_reach_verl() -> None:
    values = _values(kl=0.001)
    assert values["data.train_batch_size"] == 16
    assert values["actor_rollout_ref.rollout.n"] == 32
    assert values["actor_rollout_ref.rollout.max_model_len"] == 1024 + 3072
    assert values["actor_rollout_ref.actor.optim.lr"] == 1e-6
    assert values["algorithm.use_kl_in_reward"] is True
    assert values["algorithm.kl_ctrl.kl_coef"] == 0.001
    assert values["trainer.save_freq"] == 10  # nothing asked for: the last step is saved


def test_a_filter_switches_verls_refill_on() -> None:
    assert _values()["algorithm.filter_groups.enable"] is False
    assert _values(keep=True)["algorithm.filter_groups.enable"] is True


def test_without_validation_problems_nothing_is_validated() -> None:
    values = _values(validates=False)
    assert values["trainer.test_freq"] == -1 and values["trainer.val_before_train"] is False


@pytest.mark.parametrize(
    ("train", "engine", "message"),
    [
        ({"stop": ("###",)}, {}, "no stop strings"),
        ({"minibatches": 3}, {}, "does not divide prompts_per_step"),
        ({"n": 3}, {}, "multiple of the 32 GPUs"),
        ({"optim": OptimConfig(lr=1e-6, schedule="linear")}, {}, "no linear"),
        ({}, {"tokens_per_gpu": 2048}, "shorter than one sequence"),
    ],
)
def test_what_verl_cannot_do_is_refused(train: dict[str, Any], engine: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _values(dataclasses.replace(TRAIN, **train), dataclasses.replace(ENGINE, nodes=4, **engine))


def test_engine_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="choose gpu or cpu"):
        dataclasses.replace(ENGINE, platform="tpu")
    with pytest.raises(ValueError, match="tensor_parallel = 3 does not divide the 8 GPUs"):
        dataclasses.replace(ENGINE, tensor_parallel=3)
