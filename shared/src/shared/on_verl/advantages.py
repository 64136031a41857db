"""Rewards of groups to advantages of responses, as the local engine forms them.

verl's own estimators are not called: a recipe brings its advantage, and an agreement test holds it
against ``verl.trainer.ppo.core_algos``. Groups may differ in size (a rollout can fail).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from shared.training import GroupReward, Recipe


def group_advantages(
    recipe: Recipe,
    rewards: Sequence[GroupReward],
    penalties: Sequence[Sequence[float]] | None = None,
) -> list[list[float]]:
    """One advantage per response of each group.

    Args:
        recipe: its ``advantage`` is applied to all groups of one size together.
        rewards: what the recipe said of each group.
        penalties: per response the KL to the reference summed over tokens (nats), subtracted from
            the reward ``recipe.kl_in_reward`` times; required when that is positive.

    Returns:
        Lists shaped like the rewards. A group without a label has exactly zero advantage, its KL
        included (SRT, authors' code: ``remove_kl_loss_from_unlabeled_examples``).
    """
    if recipe.kl_in_reward > 0 and penalties is None:
        raise ValueError("the recipe penalises KL in the reward: pass the penalties")
    out: list[list[float]] = [[] for _ in rewards]
    for size in {len(r.rewards) for r in rewards}:
        chosen = [i for i, r in enumerate(rewards) if len(r.rewards) == size]
        values = torch.tensor([rewards[i].rewards for i in chosen], dtype=torch.float64)
        if recipe.kl_in_reward > 0 and penalties is not None:
            penalty = torch.tensor([list(penalties[i]) for i in chosen], dtype=torch.float64)
            values = values - recipe.kl_in_reward * penalty
        advantages = recipe.advantage(values) if recipe.needs_advantage else torch.ones_like(values)
        labelled = torch.tensor([rewards[i].has_label for i in chosen], dtype=advantages.dtype)
        for i, row in zip(chosen, (advantages * labelled[:, None]).tolist(), strict=True):
            out[i] = row
    return out
