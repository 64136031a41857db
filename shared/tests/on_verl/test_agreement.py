"""The recipe path, verl's own algorithms and the local engine agree on the same rollouts.

Needs verl installed (``make e2e-verl``); no Ray, no vLLM, seconds.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
import verl_toy
from shared.algorithms import grpo, kl_estimate
from shared.on_verl.advantages import group_advantages
from shared.on_verl.loss import RecipeLoss
from shared.on_verl.references import Reference
from shared.training import Batch, OptimConfig, Policy, PolicyForward, StepContext, TrainConfig, update
from verl_rollouts import N, Rollouts, make_rollouts, response_logprobs, summed_loss, verls_own_loss

pytestmark = pytest.mark.heavy
core_algos = pytest.importorskip("verl.trainer.ppo.core_algos", reason="verl is not installed")

KL = 0.05
CONTEXT = StepContext(0, 0, 1)


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory: pytest.TempPathFactory) -> Rollouts:
    return make_rollouts(tmp_path_factory.mktemp("model"))


def _pad(values: list[torch.Tensor]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(values, batch_first=True)


def _verl_advantages(rollouts: Rollouts, rewards: list[float], estimator: str) -> torch.Tensor:
    mask, old, ref = _pad(rollouts.masks), _pad(rollouts.old), _pad(rollouts.ref)
    token_rewards = -KL * core_algos.kl_penalty(old, ref, "low_var_kl") * mask
    for i, reward in enumerate(rewards):
        token_rewards[i, len(rollouts.responses[i]) - 1] += reward
    function = core_algos.get_adv_estimator_fn(estimator)
    return function(token_rewards, mask, index=np.array(rollouts.uids))[0]


@pytest.mark.parametrize("estimator", ["rloo", "grpo"])
def test_advantages_equal_verls_estimators(rollouts: Rollouts, estimator: str) -> None:
    recipe = verl_toy.build({"kl": KL})
    if estimator == "grpo":
        recipe = dataclasses.replace(recipe, advantage=grpo)
    rewards = recipe.reward(rollouts.groups, CONTEXT)
    pairs = zip(rollouts.old, rollouts.ref, strict=True)
    kl = [float(kl_estimate(o, r, recipe.kl_kind).sum()) for o, r in pairs]
    ours = group_advantages(recipe, rewards, [kl[i : i + N] for i in range(0, len(kl), N)])
    theirs = _verl_advantages(rollouts, [x for r in rewards for x in r.rewards], estimator)
    expected = torch.tensor([a for row in ours for a in row])[:, None] * _pad(rollouts.masks)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(theirs, expected.to(theirs.dtype), atol=2e-5, rtol=2e-5)


def test_loss_equals_verls_own(rollouts: Rollouts) -> None:
    recipe = verl_toy.build({})
    advantages = [a for row in group_advantages(recipe, recipe.reward(rollouts.groups, CONTEXT)) for a in row]
    ours = summed_loss(rollouts, RecipeLoss(Reference("verl_toy:build", ({},))), rollouts.old, advantages)
    theirs = summed_loss(rollouts, verls_own_loss({}), rollouts.old, advantages)
    assert abs(float(theirs.detach())) > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_cross_entropy_on_own_samples_equals_verls_supervised_loss(rollouts: Rollouts) -> None:
    from verl.workers.utils.losses import sft_loss

    arm = {"own_samples": True}
    recipe = verl_toy.build(arm)
    rewards = recipe.reward(rollouts.groups, CONTEXT)
    weights = [a for row in group_advantages(recipe, rewards) for a in row]
    assert set(weights) == {1.0}  # no row is lost for having no advantage
    ours = summed_loss(rollouts, RecipeLoss(Reference("verl_toy:build", (arm,))), rollouts.old, weights)
    theirs = summed_loss(rollouts, partial(sft_loss, None), rollouts.old, weights)
    assert float(ours.detach()) > 0.5
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_the_local_engine_takes_the_same_gradient(rollouts: Rollouts) -> None:
    recipe = verl_toy.build({})
    rewards = recipe.reward(rollouts.groups, CONTEXT)
    pairs = zip(rollouts.prompts, rollouts.responses, strict=True)
    with torch.no_grad():
        old = [response_logprobs(rollouts.model, p, r) for p, r in pairs]
    rollouts.model.zero_grad()
    advantages = [a for row in group_advantages(recipe, rewards) for a in row]
    loss = summed_loss(rollouts, RecipeLoss(Reference("verl_toy:build", ({},))), old, advantages)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(rollouts.model.parameters(), float("inf"))
    rollouts.model.zero_grad()

    batch = Batch(cursor=6, groups=rollouts.groups, rewards=rewards)
    config = TrainConfig(
        seed=0, steps=1, prompts_per_step=6, n=N, max_new_tokens=7, optim=OptimConfig(lr=1e-9, grad_clip=1e9)
    )
    optimizer = torch.optim.AdamW(rollouts.model.parameters(), lr=1e-9)
    policy = Policy(rollouts.model, rollouts.tokenizer, optimizer, PolicyForward(rollouts.model))
    local = update(policy, recipe, batch, config, CONTEXT)
    assert local["update/loss"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert local["update/grad_norm"] == pytest.approx(float(norm), rel=1e-4) and float(norm) > 1e-3
