"""REINFORCE++ over tokens: returns and whitening against loops, and its sequence-level special case."""

from __future__ import annotations

import pytest
import torch
from shared.algorithms import (
    discounted_returns,
    per_token,
    reinforce_plus_plus,
    reinforce_plus_plus_baseline,
    reinforce_plus_plus_baseline_tokens,
    reinforce_plus_plus_tokens,
    whiten,
)


def test_returns_follow_the_recursion_and_skip_masked_tokens() -> None:
    rewards = torch.tensor([[1.0, 2.0, 4.0, 99.0], [1.0, 50.0, 3.0, 0.0]])
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0]])
    expected = torch.tensor([[1 + 0.5 * (2 + 0.5 * 4), 2 + 0.5 * 4, 4.0, 0.0], [1 + 0.5 * 3, 0.0, 3.0, 0.0]])
    torch.testing.assert_close(discounted_returns(rewards, mask, gamma=0.5), expected)


def test_whitened_tokens_have_mean_zero_and_variance_one() -> None:
    torch.manual_seed(1)
    values = torch.randn(4, 6, dtype=torch.float64) * 3 + 5
    mask = torch.rand(4, 6) < 0.6
    result = whiten(values, mask)
    assert (result[~mask] == 0).all()
    assert result[mask].mean().item() == pytest.approx(0, abs=1e-12)
    assert result[mask].var().item() == pytest.approx(1, abs=1e-6)


def test_equal_values_whiten_to_exactly_zero_and_one_token_is_refused() -> None:
    assert (whiten(torch.full((2, 3), 0.1), torch.ones(2, 3)) == 0).all()
    with pytest.raises(ValueError, match="at least 2 response tokens"):
        whiten(torch.ones(1, 3), torch.tensor([[1.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match=r"both be \[B, T\]"):
        whiten(torch.ones(2, 3), torch.ones(2, 4))


def test_equal_lengths_without_kl_reduce_to_the_sequence_level_form() -> None:
    torch.manual_seed(2)
    groups, n, length = 3, 4, 5
    rewards = torch.rand(groups, n, dtype=torch.float64)
    mask = torch.ones(groups * n, length, dtype=torch.float64)
    tokens = torch.zeros_like(mask)
    tokens[:, -1] = rewards.reshape(-1)
    b = groups * n
    bessel = ((b * length - 1) / (length * (b - 1))) ** 0.5  # sample variance over tokens, over responses
    torch.testing.assert_close(
        reinforce_plus_plus_tokens(tokens, mask, eps=0.0),
        per_token(reinforce_plus_plus(rewards, eps=0.0), mask) * bessel,
    )
    torch.testing.assert_close(
        reinforce_plus_plus_baseline_tokens(tokens, mask, n, eps=0.0),
        per_token(reinforce_plus_plus_baseline(rewards, eps=0.0), mask) * bessel,
    )


def test_baseline_form_needs_whole_groups() -> None:
    for n in (1, 4):
        with pytest.raises(ValueError, match="do not form groups"):
            reinforce_plus_plus_baseline_tokens(torch.rand(6, 2), torch.ones(6, 2), n)
