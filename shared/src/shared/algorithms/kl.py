"""Estimates of KL(π ‖ π_ref) from the sampled tokens, and their two uses: in reward and in loss.

With d = log π(y_t) − log π_ref(y_t) at a token y_t drawn from π (Schulman 2020,
"Approximating KL divergence"):

    k1 = d                   unbiased, high variance, can be negative
    k2 = d² / 2              biased, non-negative
    k3 = exp(−d) − 1 + d     unbiased, non-negative, low variance

As *numbers* (penalty in the reward) k1 and k3 estimate the KL. As *loss terms* their gradients
on on-policy samples estimate different things: E[∇k1] = 0, E[∇k2] = ∇KL(π ‖ π_ref), and
E[∇k3] = ∇KL(π_ref ‖ π), the other direction; the tests check all three by enumeration. GRPO
as published puts k3 in the loss.

Not here: adaptive coefficients, full-vocabulary KL.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch

KLKind = Literal["k1", "k2", "k3", "k3_clipped"]
"""``k3_clipped`` is verl's ``low_var_kl``: d clamped to ±20, the estimate to at most 10."""


def kl_estimate(logprobs: torch.Tensor, ref_logprobs: torch.Tensor, kind: KLKind) -> torch.Tensor:
    """Per-token estimate of KL(π ‖ π_ref); gradients flow to ``logprobs``.

    Args:
        logprobs: log π of the sampled tokens, any shape.
        ref_logprobs: log π_ref of the same tokens, same shape.
        kind: which estimator, see the module text.
    """
    if kind not in get_args(KLKind):
        raise ValueError(f"unknown KL estimator {kind!r}: choose one of {', '.join(get_args(KLKind))}")
    d = logprobs - ref_logprobs
    if kind == "k1":
        return d
    if kind == "k2":
        return 0.5 * d.square()
    if kind == "k3":
        return torch.expm1(-d) + d
    d = d.clamp(-20.0, 20.0)
    return (torch.expm1(-d) + d).clamp(max=10.0)


def kl_loss(
    logprobs: torch.Tensor, ref_logprobs: torch.Tensor, mask: torch.Tensor, kind: KLKind = "k3"
) -> torch.Tensor:
    """[B, T] KL term of the loss, zero on padding; multiply by β and aggregate like the policy loss.

    Padding may hold anything, NaN and infinities included: neither value nor gradient sees it.
    """
    kept = mask.bool()
    estimate = kl_estimate(logprobs.masked_fill(~kept, 0.0), ref_logprobs.masked_fill(~kept, 0.0), kind)
    return estimate.masked_fill(~kept, 0.0)


def kl_penalty_rewards(
    scores: torch.Tensor,
    logprobs: torch.Tensor,
    ref_logprobs: torch.Tensor,
    mask: torch.Tensor,
    coef: float,
    *,
    kind: KLKind = "k1",
    penalised: torch.Tensor | None = None,
) -> torch.Tensor:
    """[B, T] token rewards with the KL penalty inside: R_t = score · 1[t last] − coef · k_t.

    The sum over t is the penalised return of the response, ready for RLOO; GRPO puts the KL
    into the loss instead, because its division by the group's std would rescale the penalty.
    (PPO-style RLHF, Ziegler et al. 2019; SRT's release uses ``k3_clipped`` with coef 1e-3 and
    spares prompts without a usable label, SeRL's ``k1`` with 1e-4.)

    Args:
        scores: [B] reward of each response, placed on its last token.
        logprobs: [B, T] under the sampling policy; treated as constants.
        ref_logprobs: [B, T] under the reference model.
        mask: [B, T] response mask; every row needs at least one token.
        coef: β ≥ 0.
        kind: estimator.
        penalised: [B] boolean, ``False`` for rows that get no penalty; all rows by default.
    """
    if scores.shape != mask.shape[:1]:
        raise ValueError(f"scores must be [B] = [{mask.shape[0]}], got {tuple(scores.shape)}")
    kept = mask.bool()
    if not kept.any(dim=1).all():
        raise ValueError("a response without tokens cannot carry a reward: drop rows whose mask is empty")
    with torch.no_grad():
        penalty = kl_loss(logprobs, ref_logprobs, mask, kind) * coef
        if penalised is not None:
            penalty = penalty * penalised.to(penalty.dtype).unsqueeze(1)
        rewards = -penalty
        positions = torch.arange(mask.shape[1], device=mask.device)
        last = torch.where(kept, positions, -1).argmax(dim=1)
        rows = torch.arange(mask.shape[0], device=mask.device)
        rewards[rows, last] += scores.to(rewards.dtype)
    return rewards
