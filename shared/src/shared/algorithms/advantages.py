"""Advantages of whole responses: [groups, n] rewards in, [groups, n] advantages out.

Row g holds the n rewards of the responses to one prompt. Every function is pure, works in
float64 and answers in the dtype it was given. A group whose rewards are all equal gets
advantages of exactly zero (not rounding noise blown up by a division), so that a trainer may
drop such rows. Where an estimator is undefined (a baseline from the other responses when there
are none) it raises; verl instead passes the raw reward through for a group of one.

Not here: advantages that differ from token to token (``token_level``), value functions, GAE.
"""

from __future__ import annotations

import torch


def _checked(rewards: torch.Tensor, name: str, least_n: int) -> torch.Tensor:
    """``rewards`` as float64 after checking shape, size and finiteness."""
    if rewards.ndim != 2 or rewards.shape[0] == 0 or rewards.shape[1] == 0:
        raise ValueError(
            f"{name} needs rewards of shape [groups, n] with at least one of each, got {tuple(rewards.shape)}"
        )
    if rewards.shape[1] < least_n:
        raise ValueError(
            f"{name} compares responses to the same prompt and is undefined for n = {rewards.shape[1]}: "
            f"sample at least {least_n} responses per prompt, or use reinforce or reinforce_plus_plus"
        )
    values = rewards.detach().double()
    if not torch.isfinite(values).all():
        raise ValueError(f"{name} got rewards that are not finite: score failed responses before calling it")
    return values


def _centred(values: torch.Tensor) -> torch.Tensor:
    """Rewards minus their group mean; exactly zero in groups whose rewards are all equal."""
    unanimous = values.amax(dim=1, keepdim=True) == values.amin(dim=1, keepdim=True)
    return (values - values.mean(dim=1, keepdim=True)).masked_fill(unanimous, 0.0)


def reinforce(rewards: torch.Tensor) -> torch.Tensor:
    """Plain REINFORCE without a baseline: A_i = r_i (Williams 1992)."""
    return _checked(rewards, "reinforce", 1).to(rewards.dtype)


def rloo(rewards: torch.Tensor) -> torch.Tensor:
    """REINFORCE leave-one-out: A_i = r_i − mean_{j≠i} r_j = n/(n−1) · (r_i − mean r).

    Source: Ahmadian et al. 2024, arXiv 2402.14740. Equals verl's ``rloo`` for n ≥ 2.

    Args:
        rewards: [groups, n], n ≥ 2.

    Raises:
        ValueError: for n = 1, where there is nobody to leave in.
    """
    values = _checked(rewards, "rloo", 2)
    n = values.shape[1]
    return (_centred(values) * (n / (n - 1))).to(rewards.dtype)


def grpo(rewards: torch.Tensor, *, eps: float = 1e-6, ddof: int = 1) -> torch.Tensor:
    """Group-relative advantage: A_i = (r_i − mean r) / (std r + eps).

    Source: Shao et al. 2024, arXiv 2402.03300. The defaults are verl's (sample standard
    deviation, eps 1e-6); RLT's code has eps 1e-4, OpenRLHF's ``group_norm`` eps 1e-9.

    Args:
        rewards: [groups, n], n ≥ 2.
        eps: added to the standard deviation.
        ddof: 1 divides the squared deviations by n − 1, 0 by n.
    """
    values = _checked(rewards, "grpo", 2)
    return (_centred(values) / (values.std(dim=1, correction=ddof, keepdim=True) + eps)).to(rewards.dtype)


def dr_grpo(rewards: torch.Tensor) -> torch.Tensor:
    """GRPO without the division: A_i = r_i − mean r (Dr. GRPO, Liu et al. 2025, arXiv 2503.20783).

    Its other half is the loss: aggregate with "seq-mean-token-sum-norm", so that length does
    not weigh responses either. Differs from :func:`rloo` by the factor (n−1)/n only.
    """
    return _centred(_checked(rewards, "dr_grpo", 2)).to(rewards.dtype)


def _normalised_over_batch(values: torch.Tensor, name: str, eps: float) -> torch.Tensor:
    """(x − mean) / sqrt(var + eps) over all entries; zero where all entries are equal."""
    if values.numel() < 2:
        raise ValueError(f"{name} normalises over the batch and needs at least 2 responses in it, got 1")
    if values.max() == values.min():
        return torch.zeros_like(values)
    return (values - values.mean()) / (values.var(correction=1) + eps).sqrt()


def reinforce_plus_plus(rewards: torch.Tensor, *, eps: float = 1e-8) -> torch.Tensor:
    """REINFORCE++: rewards normalised over the whole batch, A = (r − mean_B) / sqrt(var_B + eps).

    Source: Hu 2025, arXiv 2501.03262. Every response has the same weight in mean and variance
    here. The published algorithm takes them over tokens, after the per-token KL penalty; that
    form is :func:`shared.algorithms.reinforce_plus_plus_tokens`, and with γ = 1, no KL and
    equal lengths the two agree up to the Bessel factor. Pass the full optimiser batch: the
    statistics depend on it.
    """
    values = _checked(rewards, "reinforce_plus_plus", 1)
    return _normalised_over_batch(values, "reinforce_plus_plus", eps).to(rewards.dtype)


def reinforce_plus_plus_baseline(rewards: torch.Tensor, *, eps: float = 1e-8) -> torch.Tensor:
    """REINFORCE++ with baseline: subtract the group mean, then normalise over the whole batch.

    Source: arXiv 2501.03262 §"REINFORCE++-baseline". Unlike GRPO the scale is one number for
    the batch, so easy and hard prompts are not rescaled against each other.
    """
    values = _centred(_checked(rewards, "reinforce_plus_plus_baseline", 2))
    return _normalised_over_batch(values, "reinforce_plus_plus_baseline", eps).to(rewards.dtype)


def per_token(advantages: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Spread response advantages [groups, n] over their tokens: [groups · n, T], zero on padding.

    Args:
        advantages: [groups, n].
        mask: [groups · n, T] response mask; row g · n + i is response i of group g.
    """
    if advantages.numel() != mask.shape[0]:
        raise ValueError(
            f"advantages of shape {tuple(advantages.shape)} do not match a mask with {mask.shape[0]} rows"
        )
    return advantages.reshape(-1, 1) * mask.to(advantages.dtype)
