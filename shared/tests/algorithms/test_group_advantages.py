"""Advantages: closed forms, identities, and the estimators' expectations by enumeration."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shared.algorithms import (
    dr_grpo,
    grpo,
    per_token,
    reinforce,
    reinforce_plus_plus,
    reinforce_plus_plus_baseline,
    rloo,
)

COMPARING = [rloo, grpo, dr_grpo, reinforce_plus_plus_baseline]
ALL = [*COMPARING, reinforce, reinforce_plus_plus]


@st.composite
def reward_tables(draw: st.DrawFn) -> torch.Tensor:
    groups, n = draw(st.integers(1, 4)), draw(st.integers(2, 6))
    value = st.floats(-5, 5).map(lambda x: round(x, 3))
    rows = draw(st.lists(st.lists(value, min_size=n, max_size=n), min_size=groups, max_size=groups))
    return torch.tensor(rows, dtype=torch.float64)


def test_rloo_is_the_reward_minus_the_mean_of_the_others() -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 1.0, 1.0]])
    expected = torch.empty_like(rewards)
    for g, i in itertools.product(range(2), range(4)):
        others = [rewards[g, j].item() for j in range(4) if j != i]
        expected[g, i] = rewards[g, i] - sum(others) / 3
    torch.testing.assert_close(rloo(rewards), expected)


def test_grpo_closed_forms() -> None:
    rewards = torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
    # RLT's worked example: sample std 1.290994 with 1e-4 added
    expected = torch.tensor([[-1.161805, -0.387268, 0.387268, 1.161805]], dtype=torch.float64)
    torch.testing.assert_close(grpo(rewards, eps=1e-4), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        grpo(rewards, eps=0.0, ddof=0), (rewards - 2.5) / 1.25**0.5, atol=1e-12, rtol=0
    )


def test_batch_normalised_closed_forms() -> None:
    rewards = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    # mean 1/4, sample variance 1/4
    torch.testing.assert_close(
        reinforce_plus_plus(rewards, eps=0.0), torch.tensor([[1.5, -0.5], [-0.5, -0.5]], dtype=torch.float64)
    )
    # centred in groups: [.5, -.5, 0, 0], mean 0, sample variance 1/6
    torch.testing.assert_close(
        reinforce_plus_plus_baseline(rewards, eps=0.0),
        torch.tensor([[0.5, -0.5], [0.0, 0.0]], dtype=torch.float64) * 6**0.5,
    )


@settings(max_examples=60, deadline=None)
@given(reward_tables(), st.floats(-3, 3), st.floats(0.5, 4))
def test_shift_scale_and_order(rewards: torch.Tensor, shift: float, scale: float) -> None:
    order = torch.arange(rewards.shape[1]).flip(0)
    for estimator in COMPARING:
        advantages = estimator(rewards)
        torch.testing.assert_close(estimator(rewards[:, order]), advantages[:, order])
        torch.testing.assert_close(estimator(rewards + shift), advantages, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            advantages.sum(dim=1), torch.zeros(len(rewards)).double(), atol=1e-6, rtol=0
        )
    for estimator in (rloo, dr_grpo):
        torch.testing.assert_close(estimator(rewards * scale), estimator(rewards) * scale)
    n = rewards.shape[1]
    torch.testing.assert_close(rloo(rewards) * (n - 1) / n, dr_grpo(rewards))


@pytest.mark.parametrize("estimator", COMPARING)
def test_unanimous_groups_get_exactly_zero(estimator) -> None:
    # 0.1 three times: the float64 mean is not 0.1, and eps 1e-6 would blow the difference up
    rewards = torch.tensor([[0.1] * 3, [0.7] * 3], dtype=torch.float64)
    assert (rewards - rewards.mean(dim=1, keepdim=True)).abs().max().item() > 0
    assert estimator(rewards).abs().max().item() == 0.0
    assert reinforce_plus_plus(torch.full((1, 3), 0.1, dtype=torch.float64)).abs().max().item() == 0.0


@pytest.mark.parametrize("estimator", ALL)
def test_dtype_is_kept_and_input_is_not_changed(estimator) -> None:
    rewards = torch.rand(3, 4, dtype=torch.float32)
    before = rewards.clone()
    assert estimator(rewards).dtype == torch.float32
    assert torch.equal(rewards, before)


@pytest.mark.parametrize("estimator", ALL)
def test_bad_rewards_are_refused(estimator) -> None:
    with pytest.raises(ValueError, match="shape"):
        estimator(torch.rand(4))
    with pytest.raises(ValueError, match="shape"):
        estimator(torch.rand(0, 4))
    with pytest.raises(ValueError, match="not finite"):
        estimator(torch.tensor([[1.0, float("nan")]]))


@pytest.mark.parametrize("estimator", COMPARING)
def test_one_response_has_nothing_to_compare_with(estimator) -> None:
    with pytest.raises(ValueError, match="undefined for n = 1"):
        estimator(torch.rand(5, 1))


def test_estimators_without_a_group_baseline_accept_one_response() -> None:
    rewards = torch.tensor([[1.0], [0.0]])
    assert torch.equal(reinforce(rewards), rewards)
    assert reinforce_plus_plus(rewards).shape == (2, 1)
    with pytest.raises(ValueError, match="at least 2 responses"):
        reinforce_plus_plus(torch.rand(1, 1))


@pytest.mark.parametrize(("estimator", "factor"), [(reinforce, 1.0), (rloo, 1.0), (dr_grpo, 2 / 3)])
def test_expected_policy_gradient_by_enumeration(estimator, factor: float) -> None:
    """E[mean_i A_i ∇log p(a_i)] over all draws of n = 3 equals factor · ∇E[r]."""
    logits = torch.tensor([0.3, -0.5, 0.9], dtype=torch.float64, requires_grad=True)
    reward = torch.tensor([1.0, 0.0, 0.4], dtype=torch.float64)
    (true,) = torch.autograd.grad((logits.softmax(0) * reward).sum(), logits)
    p = logits.softmax(0).detach()
    estimate = torch.zeros(3, dtype=torch.float64)
    for draw in itertools.product(range(3), repeat=3):
        actions = torch.tensor(draw)
        surrogate = (estimator(reward[actions][None])[0] * logits.log_softmax(0)[actions]).mean()
        (gradient,) = torch.autograd.grad(surrogate, logits)
        estimate += p[actions].prod() * gradient
    torch.testing.assert_close(estimate, factor * true)


def test_per_token_spreads_over_the_mask() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    spread = per_token(torch.tensor([[2.0, -1.0]]), mask)
    assert torch.equal(spread, torch.tensor([[2.0, 2.0, 0.0], [-1.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match="do not match"):
        per_token(torch.rand(2, 2), mask)
