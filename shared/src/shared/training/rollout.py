"""From prompts to a full batch of kept groups with rewards: sample, reward, filter, refill."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.problems import FinishReason, Group
from shared.sampling import Sampler, SamplingParams, sample_keys
from shared.training.config import TrainConfig
from shared.training.prompts import PromptSource
from shared.training.recipe import GroupReward, Recipe, StepContext
from shared.verifiers import count_outcomes


@dataclass(slots=True)
class Batch:
    """The groups of one step.

    Attributes:
        groups, rewards: the kept ones, ``prompts_per_step`` of them unless the source ran dry.
        seen_groups, seen_rewards: everything that was sampled, in order.
        kept: for each seen group whether it is in the batch.
        cursor: number of the next problem of the stream.
        rounds: sampling rounds used.
    """

    cursor: int
    groups: list[Group] = field(default_factory=list)
    rewards: list[GroupReward] = field(default_factory=list)
    seen_groups: list[Group] = field(default_factory=list)
    seen_rewards: list[GroupReward] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)
    rounds: int = 0


def collect(
    recipe: Recipe,
    sampler: Sampler,
    prompts: PromptSource,
    config: TrainConfig,
    context: StepContext,
    cursor: int,
) -> Batch:
    """Sample until ``prompts_per_step`` groups pass the recipe's filter or the rounds are used up."""
    batch = Batch(cursor)
    params = SamplingParams(
        config.n, recipe.temperature(context), config.top_p, config.max_new_tokens, config.stop
    )
    occurrences: dict[str, int] = {}
    while len(batch.groups) < config.prompts_per_step and batch.rounds <= config.max_resample_rounds:
        missing = config.prompts_per_step - len(batch.groups)
        count = missing if batch.rounds == 0 else math.ceil(missing * config.refill_factor)
        problems = prompts.take(batch.cursor, count)
        if not problems:
            break
        batch.cursor += len(problems)
        batch.rounds += 1
        keys = sample_keys(context.run_seed, context.step, [p.id for p in problems], config.n, occurrences)
        responses = sampler.sample([p.prompt for p in problems], params, seed_keys=keys)
        groups = [Group(p, tuple(r)) for p, r in zip(problems, responses, strict=True)]
        _admit(batch, groups, recipe.reward(groups, context), recipe, config.prompts_per_step)
    return batch


def _admit(
    batch: Batch, groups: Sequence[Group], rewards: Sequence[GroupReward], recipe: Recipe, size: int
) -> None:
    for group, reward in zip(groups, rewards, strict=True):
        keep = len(batch.groups) < size and recipe.keep(group, reward)
        batch.seen_groups.append(group)
        batch.seen_rewards.append(reward)
        batch.kept.append(keep)
        if keep:
            batch.groups.append(group)
            batch.rewards.append(reward)


def rollout_metrics(batch: Batch) -> dict[str, float]:
    """Counts and means of a step's sampling, for the metrics line."""
    responses = [r for g in batch.groups for r in g.responses]
    rewards = [x for g in batch.rewards for x in g.rewards]
    generated = sum(len(r.token_ids) for g in batch.seen_groups for r in g.responses)
    metrics: dict[str, float] = {
        "rollout/groups": len(batch.groups),
        "rollout/groups_sampled": len(batch.seen_groups),
        "rollout/groups_dropped": len(batch.seen_groups) - len(batch.groups),
        "rollout/groups_unlabelled": sum(not r.has_label for r in batch.rewards),
        "rollout/rounds": batch.rounds,
        "rollout/tokens_generated": generated,
    }
    if responses:
        metrics["rollout/reward"] = sum(rewards) / len(rewards)
        metrics["rollout/length"] = sum(len(r.token_ids) for r in responses) / len(responses)
        truncated = sum(r.finish_reason is FinishReason.LENGTH for r in responses)
        metrics["rollout/truncated"] = truncated / len(responses)
        verdicts = [v for r in batch.rewards for v in r.verdicts]
        if verdicts:  # what broke or was not answered is counted, never silently wrong
            metrics |= {f"verdict/{name}": n for name, n in count_outcomes(verdicts).items()}
        shares = [r.vote.share for r in batch.rewards if r.vote is not None]
        if shares:
            metrics["rollout/vote_share"] = sum(shares) / len(shares)
    return metrics
