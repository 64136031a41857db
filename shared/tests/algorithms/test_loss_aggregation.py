"""Aggregation: closed forms, and micro-batches that sum to the batch however it is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shared.algorithms import aggregate, aggregate_groups

MODES = ["token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"]
VALUES = torch.tensor([[1.0, 2.0, 3.0], [4.0, float("nan"), 6.0], [7.0, 8.0, 9.0]])
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("token-mean", 10 / 4),
        ("seq-mean-token-sum", 10 / 3),
        ("seq-mean-token-mean", (2 + 4 + 0) / 3),
        ("seq-mean-token-sum-norm", 10 / 30),
    ],
)
def test_closed_forms(mode, expected: float) -> None:
    total = aggregate(VALUES, MASK, mode, batch_tokens=4, batch_sequences=3, max_tokens=10)
    assert total.item() == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.integers(1, 6), st.integers(0, 10**6), st.lists(st.integers(0, 7), max_size=4))
def test_micro_batches_sum_to_the_batch(rows: int, width: int, seed: int, cuts: list[int]) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    lengths = torch.randint(1, width + 1, (rows, 1), generator=generator)
    mask = (torch.arange(width) < lengths).double()
    group = torch.randint(0, 3, (rows,), generator=generator)
    group_tokens = torch.stack([mask[group == g].sum() for g in group])
    groups = len(group.unique())
    edges = [0, *sorted(min(c, rows) for c in cuts), rows]
    pieces = [slice(a, b) for a, b in pairwise(edges)]
    for mode in MODES:
        options = {"batch_tokens": mask.sum().item(), "batch_sequences": rows, "max_tokens": 9}
        parts = [aggregate(values[p], mask[p], mode, **options) for p in pieces]  # type: ignore[arg-type]
        torch.testing.assert_close(sum(parts), aggregate(values, mask, mode, **options))  # type: ignore[arg-type]
    grouped = [
        aggregate_groups(values[p], mask[p], group_tokens=group_tokens[p], batch_groups=groups)
        for p in pieces
    ]
    expected = (
        sum((values * mask)[group == g].sum() / mask[group == g].sum() for g in group.unique()) / groups
    )
    torch.testing.assert_close(sum(grouped), expected)


def test_gradient_stays_off_the_padding() -> None:
    values = VALUES.clone().requires_grad_()
    aggregate(values, MASK, "seq-mean-token-mean", batch_tokens=4, batch_sequences=3).backward()
    torch.testing.assert_close(values.grad, torch.tensor([[1 / 9] * 3, [1 / 3, 0, 0], [0.0, 0, 0]]))


def test_bad_arguments_are_refused() -> None:
    ones = torch.ones(2, 2)
    with pytest.raises(ValueError, match="unknown aggregation 'mean'"):
        aggregate(ones, ones, "mean", batch_tokens=4, batch_sequences=2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_tokens"):
        aggregate(ones, ones, "seq-mean-token-sum-norm", batch_tokens=4, batch_sequences=2)
    with pytest.raises(ValueError, match="batch_tokens must be positive"):
        aggregate(ones, ones, "token-mean", batch_tokens=0, batch_sequences=2)
    with pytest.raises(ValueError, match="group_tokens"):
        aggregate_groups(ones, ones, group_tokens=torch.ones(3), batch_groups=1)
