"""Recipe advantages on the verl path: closed form, unequal groups, unlabelled groups, KL."""

import dataclasses

import pytest
import torch
from shared.algorithms import rloo
from shared.on_verl.advantages import group_advantages
from shared.training import GroupReward, LossInputs, Recipe


def _no_loss(inputs: LossInputs) -> tuple[torch.Tensor, dict[str, float]]:
    raise AssertionError("the loss is not called here")


RECIPE = Recipe("rloo", reward=lambda groups, context: [], advantage=rloo, loss=_no_loss)


def test_rloo_is_reward_minus_mean_of_the_others() -> None:
    (row,) = group_advantages(RECIPE, [GroupReward((1.0, 0.0, 0.0, 1.0))])
    assert row == pytest.approx([1 - 1 / 3, -2 / 3, -2 / 3, 1 - 1 / 3])


def test_groups_of_different_sizes_keep_their_places() -> None:
    rewards = [GroupReward((1.0, 0.0)), GroupReward((0.0, 0.0, 3.0)), GroupReward((0.0, 1.0))]
    out = group_advantages(RECIPE, rewards)
    assert [len(row) for row in out] == [2, 3, 2]
    assert out[0] == pytest.approx([1.0, -1.0]) and out[2] == pytest.approx([-1.0, 1.0])
    assert out[1] == pytest.approx([-1.5, -1.5, 3.0])


def test_a_group_without_label_has_exactly_zero_advantage_even_with_kl() -> None:
    recipe = dataclasses.replace(RECIPE, kl_in_reward=0.1)
    rewards = [GroupReward((0.0, 0.0), has_label=False), GroupReward((1.0, 0.0))]
    out = group_advantages(recipe, rewards, [[5.0, 1.0], [2.0, 1.0]])
    assert out[0] == [0.0, 0.0]
    assert out[1] == pytest.approx([0.8 + 0.1, -0.9])


def test_kl_needs_penalties() -> None:
    with pytest.raises(ValueError, match="pass the penalties"):
        group_advantages(dataclasses.replace(RECIPE, kl_in_reward=0.1), [GroupReward((1.0, 0.0))])


def test_objectives_without_advantage_weigh_every_labelled_response_one() -> None:
    recipe = dataclasses.replace(RECIPE, needs_advantage=False)
    rewards = [GroupReward((0.0, 0.0)), GroupReward((0.0, 0.0), has_label=False)]
    assert group_advantages(recipe, rewards) == [[1.0, 1.0], [0.0, 0.0]]
