"""From per-token values to the scalar of an optimiser batch, micro-batch by micro-batch.

The denominators belong to the whole optimiser batch, so that the results of its micro-batches
*sum* to the loss of the batch however it is cut. (Averaging per-micro-batch means, as several
releases do, weighs a token by how short its neighbours are.)
"""

from __future__ import annotations

from typing import Literal, get_args

import torch

AggregationMode = Literal[
    "token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"
]


def aggregate(
    values: torch.Tensor,
    mask: torch.Tensor,
    mode: AggregationMode,
    *,
    batch_tokens: float,
    batch_sequences: int,
    max_tokens: int | None = None,
) -> torch.Tensor:
    """This micro-batch's share of the batch loss; v are values, m the mask, i sequences, t tokens.

    ======================== ================================================ =====================
    mode                     share                                            used by
    ======================== ================================================ =====================
    token-mean               Σ_i Σ_t m v / batch_tokens                       DAPO, SRT, SePT
    seq-mean-token-sum       Σ_i Σ_t m v / batch_sequences                    REINFORCE as derived
    seq-mean-token-mean      Σ_i (Σ_t m v / Σ_t m) / batch_sequences          GRPO paper, RLT, SeRL
    seq-mean-token-sum-norm  Σ_i Σ_t m v / (batch_sequences · max_tokens)     Dr. GRPO
    ======================== ================================================ =====================

    Names and values are those of verl's ``agg_loss`` with global denominators. A sequence
    without tokens adds 0 and still counts in ``batch_sequences``.

    Args:
        values: [B, T], may hold anything on padding.
        mask: [B, T].
        mode: see above.
        batch_tokens: response tokens in the whole optimiser batch.
        batch_sequences: responses in the whole optimiser batch.
        max_tokens: constant length budget, for "seq-mean-token-sum-norm" only.
    """
    if mode not in get_args(AggregationMode):
        raise ValueError(
            f"unknown aggregation {mode!r}: choose one of {', '.join(get_args(AggregationMode))}"
        )
    kept = mask.bool()
    sums = values.masked_fill(~kept, 0.0).sum(dim=1)
    if mode == "token-mean":
        return sums.sum() / _positive(batch_tokens, "batch_tokens")
    sequences = _positive(batch_sequences, "batch_sequences")
    if mode == "seq-mean-token-mean":
        return (sums / kept.sum(dim=1).clamp(min=1)).sum() / sequences
    if mode == "seq-mean-token-sum-norm":
        if max_tokens is None:
            raise ValueError("seq-mean-token-sum-norm divides by a constant length: pass max_tokens")
        return sums.sum() / (sequences * _positive(max_tokens, "max_tokens"))
    return sums.sum() / sequences


def aggregate_groups(
    values: torch.Tensor, mask: torch.Tensor, *, group_tokens: torch.Tensor, batch_groups: int
) -> torch.Tensor:
    """Token mean inside each group (all responses to a prompt), then mean over groups.

    Every prompt weighs the same, whatever the length of its responses: Σ_i Σ_t m v /
    (group_tokens_i · batch_groups).

    Args:
        values: [B, T].
        mask: [B, T].
        group_tokens: [B] response tokens in the *whole* group that row i belongs to, also when
            the group is spread over several micro-batches.
        batch_groups: groups in the whole optimiser batch.
    """
    if group_tokens.shape != values.shape[:1]:
        raise ValueError(f"group_tokens must be [B] = [{values.shape[0]}], got {tuple(group_tokens.shape)}")
    sums = values.masked_fill(~mask.bool(), 0.0).sum(dim=1)
    return (sums / group_tokens.clamp(min=1)).sum() / _positive(batch_groups, "batch_groups")


def _positive(number: float, name: str) -> float:
    if number <= 0:
        raise ValueError(f"{name} must be positive (it is a count over the whole batch), got {number}")
    return number
