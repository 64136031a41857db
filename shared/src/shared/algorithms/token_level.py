"""REINFORCE++ as published: discounted token returns, normalised over all tokens of the batch.

[B, T] token rewards (see ``kl.kl_penalty_rewards``) and a response mask in, [B, T] advantages
out. The statistics are over the batch that is passed: give the whole optimiser batch.
"""

from __future__ import annotations

import torch


def _check(values: torch.Tensor, mask: torch.Tensor) -> None:
    if values.ndim != 2 or values.shape != mask.shape:
        raise ValueError(
            f"token rewards and mask must both be [B, T], got {tuple(values.shape)} and {tuple(mask.shape)}"
        )


def discounted_returns(token_rewards: torch.Tensor, mask: torch.Tensor, gamma: float = 1.0) -> torch.Tensor:
    """G_t = R_t + γ G_{t+1} over response tokens; masked tokens get 0 and pass G through unchanged."""
    _check(token_rewards, mask)
    returns = torch.zeros_like(token_rewards)
    running = token_rewards.new_zeros(token_rewards.shape[0])
    kept = mask.bool()
    for t in reversed(range(token_rewards.shape[1])):
        running = torch.where(kept[:, t], token_rewards[:, t] + gamma * running, running)
        returns[:, t] = running.masked_fill(~kept[:, t], 0.0)
    return returns


def whiten(values: torch.Tensor, mask: torch.Tensor, *, eps: float = 1e-8) -> torch.Tensor:
    """(x − mean) / sqrt(var + eps) with mean and sample variance over the masked-in entries.

    Masked-out entries become 0. If all masked-in entries are equal the result is exactly 0.

    Raises:
        ValueError: when fewer than two entries are masked in, where the variance is undefined.
    """
    _check(values, mask)
    kept = mask.bool()
    chosen = values[kept].double()
    if chosen.numel() < 2:
        raise ValueError(f"whitening needs at least 2 response tokens in the batch, got {chosen.numel()}")
    if chosen.max() == chosen.min():
        return torch.zeros_like(values)
    scaled = (values.double() - chosen.mean()) / (chosen.var(correction=1) + eps).sqrt()
    return scaled.masked_fill(~kept, 0.0).to(values.dtype)


def reinforce_plus_plus_tokens(
    token_rewards: torch.Tensor, mask: torch.Tensor, *, gamma: float = 1.0, eps: float = 1e-8
) -> torch.Tensor:
    """REINFORCE++ (arXiv 2501.03262): A_t = whiten(G_t) over every response token of the batch.

    Equals verl's ``reinforce_plus_plus``. OpenRLHF's differs in dividing the variance by the
    token count instead of the count minus one.
    """
    return whiten(discounted_returns(token_rewards, mask, gamma), mask, eps=eps)


def reinforce_plus_plus_baseline_tokens(
    token_rewards: torch.Tensor, mask: torch.Tensor, n: int, *, eps: float = 1e-8
) -> torch.Tensor:
    """REINFORCE++-baseline over tokens: A = whiten(S_i − mean_group S), S_i = Σ_t R_t.

    Every token of a response has the same advantage; long responses weigh more in the batch
    statistics because these are over tokens. Equals verl's ``reinforce_plus_plus_baseline``.

    Args:
        token_rewards: [groups · n, T], groups contiguous.
        mask: [groups · n, T].
        n: responses per group, at least 2.
    """
    _check(token_rewards, mask)
    if n < 2 or token_rewards.shape[0] % n:
        raise ValueError(
            f"the group baseline needs n ≥ 2 responses per prompt in contiguous rows: "
            f"{token_rewards.shape[0]} rows do not form groups of n = {n}"
        )
    totals = (token_rewards * mask).sum(dim=1).double().reshape(-1, n)
    centred = (totals - totals.mean(dim=1, keepdim=True)).reshape(-1, 1)
    return whiten(centred * mask, mask, eps=eps).to(token_rewards.dtype)
