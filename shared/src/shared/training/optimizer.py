"""AdamW with decay on matrices only, and the learning rate of a step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from shared.training.config import OptimConfig


def make_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters (fused implementation), norms and biases undecayed."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError("the model has no trainable parameter: unfreeze some before training")
    groups = [
        {"params": [p for p in trainable if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [g for g in groups if g["params"]], lr=config.lr, betas=config.betas, eps=config.eps, fused=True
    )


def learning_rate(config: OptimConfig, step: int, total_steps: int) -> float:
    """Learning rate of zero-based ``step`` out of ``total_steps``."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.lr
    done = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    shape = 1 - done if config.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    return config.lr * (config.final_lr_share + (1 - config.final_lr_share) * shape)


def optimizer_step(
    optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter], lr: float, grad_clip: float
) -> float:
    """Clip, step and clear the gradients; returns the gradient norm before clipping.

    A gradient that is not finite raises ``FloatingPointError`` and leaves the weights alone.
    """
    bound = grad_clip if grad_clip > 0 else math.inf
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, bound))
    if not math.isfinite(norm):
        optimizer.zero_grad(set_to_none=True)
        raise FloatingPointError(f"the gradient norm is {norm}: lower the learning rate or check the loss")
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm
