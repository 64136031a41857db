"""Per-token losses on sampled tokens: clipped policy loss, cross-entropy, entropy.

Everything is [B, T] in and out and zero on padding; ``aggregation`` turns it into a scalar.
Padding may hold anything, NaN and infinities included: neither value nor gradient sees it.

Not here: value losses, corrections for a sampler that differs from the trainer.
"""

from __future__ import annotations

import torch

_LOG_RATIO_BOUND = 20.0  # as in verl: exp cannot overflow; such tokens get no gradient


def _ratio(logprobs: torch.Tensor, old_logprobs: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """π(y_t) / π_old(y_t), 1 on padding."""
    log_ratio = logprobs.masked_fill(~kept, 0.0) - old_logprobs.detach().masked_fill(~kept, 0.0)
    return log_ratio.clamp(-_LOG_RATIO_BOUND, _LOG_RATIO_BOUND).exp()


def policy_loss(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
) -> torch.Tensor:
    """[B, T] clipped surrogate: max(−A ρ, −A clip(ρ, 1−clip_low, 1+clip_high)), ρ = π/π_old.

    With ``dual_clip`` = c > 1 tokens of negative advantage are bounded by −A c, so that one
    very large ratio cannot dominate. Sources: PPO, arXiv 1707.06347 eq. 7; dual clip, arXiv
    1912.09729 eq. 8; separate bounds ("clip-higher"), DAPO, arXiv 2503.14476. Equals verl's
    ``vanilla`` loss, whose c is 3.

    On-policy (one update per rollout batch) ρ is exactly 1, clipping does nothing and the
    gradient is −A ∇log π: pass ``old_logprobs = logprobs.detach()`` and save the extra forward
    pass that recomputes them.

    Args:
        logprobs: [B, T] under the current policy, with gradient.
        old_logprobs: [B, T] under the policy that sampled; treated as constants.
        advantages: [B, T]; treated as constants.
        mask: [B, T] response mask.
        clip_low: lower clip distance, ≥ 0; ``math.inf`` for no clipping.
        clip_high: upper clip distance, ≥ 0; ``math.inf`` for no clipping.
        dual_clip: bound c on the ratio for negative advantages, > 1; ``None`` for none.
    """
    if clip_low < 0 or clip_high < 0:
        raise ValueError(f"clip distances must not be negative, got {clip_low} and {clip_high}")
    if dual_clip is not None and dual_clip <= 1:
        raise ValueError(f"dual_clip bounds the ratio from above and must exceed 1, got {dual_clip}")
    kept = mask.bool()
    gain = advantages.detach().masked_fill(~kept, 0.0)
    ratio = _ratio(logprobs, old_logprobs, kept)
    loss = torch.maximum(-gain * ratio, -gain * ratio.clamp(1 - clip_low, 1 + clip_high))
    if dual_clip is not None:
        loss = torch.where(gain < 0, torch.minimum(loss, -gain * dual_clip), loss)
    return loss.masked_fill(~kept, 0.0)


def policy_loss_metrics(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
) -> dict[str, float]:
    """What clipping did, as sums over the micro-batch; divide by the batch's tokens to log means.

    ``clipped`` counts tokens whose gradient the clip removed, ``dual_clipped`` those the dual
    clip bounded, ``approx_kl`` sums log π_old − log π.
    """
    with torch.no_grad():
        kept = mask.bool()
        gain = advantages.masked_fill(~kept, 0.0)
        ratio = _ratio(logprobs, old_logprobs, kept)
        clipped = ((gain > 0) & (ratio > 1 + clip_high)) | ((gain < 0) & (ratio < 1 - clip_low))
        bounded = (gain < 0) & (ratio > dual_clip) if dual_clip is not None else torch.zeros_like(kept)
        return {
            "clipped": float(clipped.sum()),
            "dual_clipped": float(bounded.sum()),
            "approx_kl": float(-ratio.log().sum()),
        }


def cross_entropy(logprobs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """[B, T] negative log-likelihood −log π(y_t) of own samples (SePT's objective, token-mean)."""
    kept = mask.bool()
    return -logprobs.masked_fill(~kept, 0.0)


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Entropy in nats of softmax(logits): [..., V] → [...].

    H = −Σ_a p_a log p_a. Logits of −inf (forbidden tokens) count as probability zero.
    """
    logp = torch.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp.masked_fill(logp == -torch.inf, 0.0)).sum(dim=-1)
