"""From a batch of rewarded groups to one or more optimiser steps.

Advantages are formed over whole groups, rows that cannot move the policy are dropped before the
forward pass, and losses are divided by the counts of the full batch, so that neither dropping
nor the cut into micro-batches changes the gradient.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from shared.algorithms import kl_estimate
from shared.sampling import encode_prompt
from shared.training.batching import MicroBatch, Row, micro_batches
from shared.training.config import TrainConfig
from shared.training.forward import PolicyForward
from shared.training.optimizer import learning_rate, optimizer_step
from shared.training.recipe import LossInputs, Recipe, StepContext
from shared.training.rollout import Batch


@dataclass(slots=True)
class Policy:
    """The model under training with what belongs to it."""

    model: Any
    tokenizer: Any
    optimizer: torch.optim.Optimizer
    forward: PolicyForward
    reference: PolicyForward | None = None


def update(
    policy: Policy, recipe: Recipe, batch: Batch, config: TrainConfig, context: StepContext
) -> dict[str, float]:
    """Train on one batch; returns the metrics of the update.

    When no row carries an advantage (unanimous groups) the weights and the optimiser are left as
    they are and ``update/skipped`` is 1.
    """
    temperature = config.loss_temperature or recipe.temperature(context)
    rows = _rows(policy.tokenizer, batch)
    metrics: dict[str, float] = {"update/rows": len(rows), "update/skipped": 1.0}
    if not rows:
        return metrics
    metrics |= _prepare(policy, recipe, batch, rows, config, temperature)
    lr = learning_rate(config.optim, context.step, context.total_steps)
    sums: dict[str, float] = defaultdict(float)
    steps = 0
    for _ in range(config.epochs):
        for part in _split(rows, len(batch.groups), config.minibatches):
            trained = [row for row in part if not _droppable(recipe) or row.advantage != 0.0]
            if not trained:
                continue
            for name, value in _accumulate(policy, recipe, part, trained, config, temperature).items():
                sums[name] += value
            sums["update/grad_norm"] += optimizer_step(
                policy.optimizer, policy.model.parameters(), lr, config.optim.grad_clip
            )
            sums["update/rows_trained"] += len(trained)
            steps += 1
    if steps == 0:
        return metrics
    mean = {name: value / steps for name, value in sums.items()}
    return metrics | mean | {"update/skipped": 0.0, "update/lr": lr, "update/optimizer_steps": steps}


def _droppable(recipe: Recipe) -> bool:
    # an entropy bonus or a KL term in the loss moves the policy without any advantage
    return recipe.needs_advantage and not recipe.needs_entropy and not recipe.needs_reference


def _rows(tokenizer: Any, batch: Batch) -> list[Row]:
    rows: list[Row] = []
    for index, group in enumerate(batch.groups):
        prompt = encode_prompt(tokenizer, group.problem.prompt)  # one object: rows share it
        rows.extend(Row(prompt, r.token_ids, index) for r in group.responses)
    return rows


def _split(rows: Sequence[Row], n_groups: int, parts: int) -> list[list[Row]]:
    bounds = [round(k * n_groups / parts) for k in range(parts + 1)]
    return [[r for r in rows if bounds[k] <= r.group < bounds[k + 1]] for k in range(parts)]


def _prepare(
    policy: Policy, recipe: Recipe, batch: Batch, rows: list[Row], config: TrainConfig, temperature: float
) -> dict[str, float]:
    """Fill in advantages and whatever log-probs the recipe asks for."""
    with_kl = recipe.kl_in_reward > 0
    if with_kl or recipe.needs_reference:
        _fill(rows, "ref_logprobs", _need(policy.reference), config, temperature)
    if with_kl or not config.on_policy:
        _fill(rows, "old_logprobs", policy.forward, config, temperature)
    n = len(batch.groups[0].responses)
    rewards = torch.tensor([g.rewards for g in batch.rewards], dtype=torch.float64)
    metrics: dict[str, float] = {}
    if with_kl:
        penalty = torch.tensor([_sequence_kl(row, recipe) for row in rows], dtype=torch.float64).view(-1, n)
        rewards = rewards - recipe.kl_in_reward * penalty
        metrics["update/kl_in_reward"] = float(penalty.mean())
    advantages = recipe.advantage(rewards) if recipe.needs_advantage else torch.ones_like(rewards)
    labelled = torch.tensor([g.has_label for g in batch.rewards], dtype=advantages.dtype)
    advantages = advantages * labelled[:, None]
    for row, value in zip(rows, advantages.flatten().tolist(), strict=True):
        row.advantage = value
    metrics["update/advantage_abs"] = float(advantages.abs().mean())
    return metrics


def _sequence_kl(row: Row, recipe: Recipe) -> float:
    """Sum over tokens of the estimate of KL(old || reference)."""
    if row.ref_logprobs is None or row.old_logprobs is None:
        raise ValueError("the KL penalty needs reference and old log-probabilities")
    return float(kl_estimate(row.old_logprobs, row.ref_logprobs, recipe.kl_kind).sum())


def _need(reference: PolicyForward | None) -> PolicyForward:
    if reference is None:
        raise ValueError("the recipe reads a reference model and there is none: pass reference=")
    return reference


@torch.no_grad()
def _fill(
    rows: list[Row], name: str, forward: PolicyForward, config: TrainConfig, temperature: float
) -> None:
    device = forward.model.device
    for micro in micro_batches(rows, config.micro_batch_tokens, device, share_prompts=forward.shares_prompts):
        logprobs, _ = forward(micro, temperature)
        for row, values in zip(micro.rows, logprobs, strict=True):
            setattr(row, name, values[: len(row.response)].clone())


def _accumulate(
    policy: Policy,
    recipe: Recipe,
    part: Sequence[Row],
    trained: Sequence[Row],
    config: TrainConfig,
    temperature: float,
) -> dict[str, float]:
    """Gradients of one optimiser batch; returns the loss and the recipe's metrics, summed."""
    tokens = float(sum(len(row.response) for row in part))
    sums: dict[str, float] = defaultdict(float)
    forward, device = policy.forward, policy.model.device
    for micro in micro_batches(
        trained, config.micro_batch_tokens, device, share_prompts=forward.shares_prompts
    ):
        logprobs, entropy = forward(micro, temperature, entropy=recipe.needs_entropy)
        inputs = _loss_inputs(recipe, micro, logprobs, entropy, tokens, len(part))
        loss, metrics = recipe.loss(inputs)
        loss.backward()
        sums["update/loss"] += float(loss.detach())
        for name, value in metrics.items():
            sums[f"update/{name}"] += float(value)
    return sums


def _loss_inputs(
    recipe: Recipe, micro: MicroBatch, logprobs: Tensor, entropy: Tensor | None, tokens: float, sequences: int
) -> LossInputs:
    advantages = torch.tensor(
        [row.advantage for row in micro.rows], dtype=torch.float32, device=logprobs.device
    )
    old = logprobs.detach()  # on-policy the ratio is 1: no second forward pass
    if micro.rows[0].old_logprobs is not None:
        old = micro.padded([row.old_logprobs for row in micro.rows])
    ref = micro.padded([row.ref_logprobs for row in micro.rows]) if recipe.needs_reference else None
    return LossInputs(
        logprobs=logprobs,
        old_logprobs=old,
        ref_logprobs=ref,
        entropy=entropy,
        advantages=advantages[:, None] * micro.mask,
        mask=micro.mask,
        batch_tokens=tokens,
        batch_sequences=sequences,
    )
