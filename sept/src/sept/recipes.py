"""SePT as a recipe, and the objectives it is compared with.

    L(θ) = − Σ_t log p_θ(o_t | q, o_<t; τt) / Σ_t 1,      o sampled at τs < τt          (paper §2)

The released code takes the mean over the tokens of each micro-batch and averages micro-batches; here
the denominator is that of the whole optimiser batch. EM-FT replaces the log-probability of the
sampled token by the entropy of the whole next-token distribution; GRPO needs rewards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from shared.algorithms import (
    AggregationMode,
    aggregate,
    cross_entropy,
    grpo,
    policy_loss,
    policy_loss_metrics,
)
from shared.problems import Group
from shared.training import GroupReward, LossInputs, Recipe, StepContext
from shared.training.experiment import truth_of
from shared.training.recipe import RewardFn
from shared.verifiers import BOXED, EXACT, MATH, Policy, extract, verify_batch
from shared.voting import majority_vote

from sept.config import RecipeConfig, SeptConfig, from_hydra
from sept.schedule import Temperature

_POLICIES = {"exact": EXACT, "boxed": BOXED, "math": MATH}


def policy_of(recipe: RecipeConfig) -> Policy:
    """The verifier policy that an arm names."""
    return _POLICIES[recipe.verifier]


def build(config: SeptConfig | Mapping[str, Any]) -> Recipe:
    """The recipe of a run, from its configuration or the plain values of it (for Ray workers)."""
    if not isinstance(config, SeptConfig):
        config = from_hydra(dict(config))
    recipe, sampling = config.recipe, config.sampling
    rewards: dict[str, RewardFn] = {
        "none": no_reward,
        "truth": partial(truth_reward, policy_of(recipe)),
        "vote": partial(vote_reward, policy_of(recipe)),
        "random": coin_reward,
    }
    return Recipe(
        name=config.run_name,
        reward=rewards[recipe.signal],
        advantage=grpo,
        loss=partial(loss, recipe),
        temperature=Temperature(
            sampling.tau_start, sampling.tau_end, sampling.tau_schedule, config.epochs, sampling.anneal_epochs
        ),
        needs_entropy=recipe.objective == "entropy" or recipe.watch_entropy,
        needs_advantage=recipe.objective == "policy_gradient",
    )


# ---- objectives ----------------------------------------------------------------------------------


def loss(recipe: RecipeConfig, inputs: LossInputs) -> tuple[torch.Tensor, Mapping[str, float]]:
    """This micro-batch's share of the objective, and what is logged of it."""
    metrics: dict[str, float] = {}
    if inputs.entropy is not None:
        metrics["entropy"] = float((inputs.entropy.detach() * inputs.mask).sum()) / inputs.batch_tokens
    if recipe.objective == "cross_entropy":
        tokens = cross_entropy(inputs.logprobs, inputs.mask)
    elif recipe.objective == "entropy":
        if inputs.entropy is None:
            raise ValueError("entropy minimisation needs next-token entropies: the engine gave none")
        tokens = recipe.entropy_coef * inputs.entropy
    else:
        arguments = (inputs.logprobs, inputs.old_logprobs, inputs.advantages, inputs.mask)
        tokens = policy_loss(*arguments, clip_low=recipe.clip, clip_high=recipe.clip)
        found = policy_loss_metrics(*arguments, clip_low=recipe.clip, clip_high=recipe.clip)
        metrics["clipped"] = found["clipped"] / inputs.batch_tokens
    total = aggregate(
        tokens,
        inputs.mask,
        cast(AggregationMode, recipe.aggregation),
        batch_tokens=inputs.batch_tokens,
        batch_sequences=inputs.batch_sequences,
    )
    return total, metrics


# ---- rewards: none for SePT, three kinds for the arms it is compared with --------------------------


def no_reward(groups: Sequence[Group], context: StepContext) -> list[GroupReward]:
    """SePT looks at no answer: every response is trained on, right or wrong, finished or cut off."""
    return [GroupReward((0.0,) * len(g.responses)) for g in groups]


def truth_reward(policy: Policy, groups: Sequence[Group], context: StepContext) -> list[GroupReward]:
    """1 for a response whose answer is right."""
    return [_against(group, truth_of(group.problem) or "", policy) for group in groups]


def vote_reward(policy: Policy, groups: Sequence[Group], context: StepContext) -> list[GroupReward]:
    """1 for agreeing with the group's most frequent answer (SRT's reward)."""
    rewards = []
    for group in groups:
        vote = majority_vote([extract(r.text, policy) for r in group.responses])
        if vote.winner is None:
            rewards.append(GroupReward((0.0,) * len(group.responses), vote=vote, has_label=False))
        else:
            rewards.append(_against(group, vote.winner, policy))
    return rewards


def coin_reward(groups: Sequence[Group], context: StepContext) -> list[GroupReward]:
    """A fair coin for each response, drawn from a hash of its address in the run."""
    return [
        GroupReward(tuple(_coin(context, g.problem.id, i) for i in range(len(g.responses)))) for g in groups
    ]


def _against(group: Group, label: str, policy: Policy) -> GroupReward:
    verdicts = verify_batch([r.text for r in group.responses], label, policy)
    return GroupReward(tuple(float(v.correct) for v in verdicts), tuple(verdicts), label=label)


def _coin(context: StepContext, problem_id: str, index: int) -> float:
    address = f"{context.run_seed}/{context.step}/{problem_id}/{index}"
    return float(hashlib.sha256(address.encode()).digest()[0] & 1)
