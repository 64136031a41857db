"""KL estimators: values and gradients in expectation by enumeration; the penalty in the reward."""

from __future__ import annotations

import pytest
import torch
from shared.algorithms import kl_estimate, kl_loss, kl_penalty_rewards

KINDS = ["k1", "k2", "k3", "k3_clipped"]
POLICY = torch.tensor([0.7, -0.2, 0.1, -1.0], dtype=torch.float64)
REFERENCE = torch.tensor([0.1, 0.4, -0.6, 0.2], dtype=torch.float64).log_softmax(0)


def kl(p_logits: torch.Tensor, q_log: torch.Tensor, forward: bool = False) -> torch.Tensor:
    p_log = p_logits.log_softmax(0)
    return (q_log.exp() * (q_log - p_log)).sum() if forward else (p_log.exp() * (p_log - q_log)).sum()


@pytest.mark.parametrize("kind", ["k1", "k3", "k3_clipped"])
def test_expected_value_is_the_divergence(kind) -> None:
    p_log = POLICY.log_softmax(0)
    torch.testing.assert_close(
        (p_log.exp() * kl_estimate(p_log, REFERENCE, kind)).sum(), kl(POLICY, REFERENCE)
    )


@pytest.mark.parametrize(("kind", "target"), [("k1", "zero"), ("k2", "reverse"), ("k3", "forward")])
def test_expected_gradient_on_policy(kind, target: str) -> None:
    """What each estimator's gradient estimates when it stands in the loss (module text)."""
    logits = POLICY.clone().requires_grad_()
    p = logits.softmax(0).detach()
    surrogate = (p * kl_estimate(logits.log_softmax(0), REFERENCE, kind)).sum()
    (estimate,) = torch.autograd.grad(surrogate, logits)
    if target == "zero":
        torch.testing.assert_close(estimate, torch.zeros_like(estimate))
    else:
        (true,) = torch.autograd.grad(kl(logits, REFERENCE, forward=target == "forward"), logits)
        torch.testing.assert_close(estimate, true)


def test_closed_forms() -> None:
    minus_half = torch.tensor([-0.5], dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    assert kl_estimate(minus_half, zero, "k1").item() == -0.5
    assert kl_estimate(minus_half, zero, "k2").item() == 0.125
    # RLT's worked example: log π_ref − log π = 0.5 gives 0.148721
    assert kl_estimate(minus_half, zero, "k3").item() == pytest.approx(0.148721, abs=1e-6)


def test_k3_is_accurate_and_not_negative_for_tiny_differences() -> None:
    d = torch.tensor([1e-4, -1e-4, 0.0], dtype=torch.float32)
    value = kl_estimate(d, torch.zeros(3), "k3")
    assert (value >= 0).all()
    torch.testing.assert_close(value[0], torch.tensor(0.5e-8), rtol=0.05, atol=0)


def test_clipping_bounds_value_and_keeps_it_finite() -> None:
    d = torch.tensor([-500.0, -3.0, 500.0])
    clipped = kl_estimate(d, torch.zeros(3), "k3_clipped")
    assert clipped[0].item() == 10.0  # e^20 − 21 before the second clamp
    assert clipped[1].item() == 10.0  # e^3 − 4 = 16.1
    assert clipped[2].item() == 10.0  # 19 after the first clamp


@pytest.mark.parametrize("kind", KINDS)
def test_padding_reaches_neither_value_nor_gradient(kind) -> None:
    logprobs = torch.tensor([[-1.0, float("nan")], [float("-inf"), -0.3]], requires_grad=True)
    mask = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    term = kl_loss(logprobs, torch.tensor([[-2.0, 0.0], [0.0, -0.4]]), mask, kind)
    term.sum().backward()
    assert logprobs.grad is not None
    assert torch.isfinite(term).all() and torch.isfinite(logprobs.grad).all()
    assert (term * (1 - mask) == 0).all() and (logprobs.grad * (1 - mask) == 0).all()
    assert (term[mask.bool()] != 0).all()


def test_unknown_estimator_is_named() -> None:
    with pytest.raises(ValueError, match=r"'k4'.*k1, k2, k3, k3_clipped"):
        kl_estimate(torch.zeros(1), torch.zeros(1), "k4")  # type: ignore[arg-type]


def test_penalty_rewards_put_the_score_on_the_last_token() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, -9.0], [-0.5, -0.5, -0.5], [-1.0, 0.0, -1.0]])
    reference = torch.tensor([[-1.5, -1.0, 5.0], [-0.5, -1.0, -0.1], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    rewards = kl_penalty_rewards(torch.tensor([1.0, 0.0, 2.0]), logprobs, reference, mask, 0.1)
    expected = torch.tensor([[-0.05, 1.1, 0.0], [0.0, -0.05, 0.04], [0.1, 0.0, 2.1]])
    torch.testing.assert_close(rewards, expected)


def test_rows_can_be_spared_the_penalty() -> None:
    logprobs, reference = torch.full((2, 2), -1.0), torch.full((2, 2), -2.0)
    rewards = kl_penalty_rewards(
        torch.zeros(2), logprobs, reference, torch.ones(2, 2), 0.5, penalised=torch.tensor([True, False])
    )
    torch.testing.assert_close(rewards, torch.tensor([[-0.5, -0.5], [0.0, 0.0]]))


def test_penalty_rewards_refuse_empty_responses_and_wrong_shapes() -> None:
    values = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="without tokens"):
        kl_penalty_rewards(torch.zeros(2), values, values, torch.tensor([[1.0, 0, 0], [0, 0, 0]]), 0.1)
    with pytest.raises(ValueError, match=r"\[B\] = \[2\]"):
        kl_penalty_rewards(torch.zeros(3), values, values, torch.ones(2, 3), 0.1)


def test_penalty_rewards_are_constants() -> None:
    logprobs = torch.zeros(1, 2, requires_grad=True)
    assert not kl_penalty_rewards(torch.ones(1), logprobs, logprobs, torch.ones(1, 2), 0.1).requires_grad
