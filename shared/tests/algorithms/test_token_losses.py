"""Per-token losses: values case by case, gradients against finite differences and torch."""

from __future__ import annotations

import math

import pytest
import torch
from shared.algorithms import cross_entropy, entropy, policy_loss, policy_loss_metrics


def loss_at(ratio: float, advantage: float, **options: float) -> float:
    logprobs = torch.full((1, 1), math.log(ratio), dtype=torch.float64)
    zero = torch.zeros(1, 1, dtype=torch.float64)
    return policy_loss(logprobs, zero, zero + advantage, torch.ones(1, 1), **options).item()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.1, 2.0, -2.2),  # inside the range
        (1.5, 2.0, -2.4),  # gain is capped at 1 + 0.2
        (0.5, 2.0, -1.0),  # moving away from a good action is never clipped
        (1.5, -2.0, 3.0),  # nor moving towards a bad one
        (0.5, -2.0, 1.6),  # gain is capped at 1 - 0.2
    ],
)
def test_clipped_surrogate(ratio: float, advantage: float, expected: float) -> None:
    assert loss_at(ratio, advantage) == pytest.approx(expected)


def test_separate_bounds_and_no_bounds() -> None:
    assert loss_at(1.5, 1.0, clip_high=0.28) == pytest.approx(-1.28)
    assert loss_at(0.5, -1.0, clip_low=0.4) == pytest.approx(0.6)
    assert loss_at(7.0, 1.0, clip_low=math.inf, clip_high=math.inf) == pytest.approx(-7.0)


def test_dual_clip_bounds_negative_advantages_only() -> None:
    assert loss_at(50.0, -2.0, dual_clip=3.0) == pytest.approx(6.0)
    assert loss_at(2.0, -2.0, dual_clip=3.0) == pytest.approx(4.0)
    assert loss_at(0.01, 2.0, dual_clip=3.0) == pytest.approx(-0.02)


def test_on_policy_gradient_is_reinforce() -> None:
    logprobs = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    advantages = torch.randn(3, 4, dtype=torch.float64)
    mask = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]).double()
    policy_loss(logprobs, logprobs.detach(), advantages, mask, dual_clip=3.0).sum().backward()
    torch.testing.assert_close(logprobs.grad, -advantages * mask)


def test_gradient_against_finite_differences() -> None:
    torch.manual_seed(0)
    old = torch.randn(4, 5, dtype=torch.float64)
    # ratios spread over all the pieces, none within the difference step of a kink
    shift = (
        torch.tensor([-1.0, -0.1, 0.05, 0.15, 0.9]).double().expand(4, 5) + torch.arange(4)[:, None] * 0.01
    )
    advantages = torch.tensor([1.0, -1.0, 2.0, -0.5]).double()[:, None].expand(4, 5)
    logprobs = (old + shift).requires_grad_()
    mask = torch.ones(4, 5)
    assert torch.autograd.gradcheck(
        lambda x: policy_loss(x, old, advantages, mask, 0.2, 0.3, dual_clip=2.0), (logprobs,)
    )


def test_extreme_ratios_stay_finite() -> None:
    logprobs = torch.tensor([[0.0, -300.0]], requires_grad=True)
    loss = policy_loss(logprobs, torch.tensor([[-300.0, 0.0]]), torch.tensor([[-1.0, 1.0]]), torch.ones(1, 2))
    loss.sum().backward()
    assert logprobs.grad is not None
    assert torch.isfinite(loss).all() and torch.isfinite(logprobs.grad).all()


def test_padding_reaches_neither_value_nor_gradient() -> None:
    nan = float("nan")
    logprobs = torch.tensor([[-1.0, nan], [-0.5, -math.inf]], requires_grad=True)
    garbage = torch.tensor([[-1.1, math.inf], [-0.4, nan]])
    mask = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = policy_loss(logprobs, garbage, garbage, mask) + cross_entropy(logprobs, mask)
    loss.sum().backward()
    assert logprobs.grad is not None
    assert torch.isfinite(loss).all() and torch.isfinite(logprobs.grad).all()
    assert (loss[:, 1] == 0).all() and (logprobs.grad[:, 1] == 0).all()


def test_no_gradient_reaches_old_logprobs_or_advantages() -> None:
    logprobs, old, advantages = (torch.randn(2, 2, requires_grad=True) for _ in range(3))
    policy_loss(logprobs, old, advantages, torch.ones(2, 2)).sum().backward()
    assert old.grad is None and advantages.grad is None and logprobs.grad is not None


def test_bad_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        loss_at(1.0, 1.0, clip_low=-0.1)
    with pytest.raises(ValueError, match="exceed 1"):
        loss_at(1.0, 1.0, dual_clip=1.0)


def test_metrics_count_tokens_without_gradient() -> None:
    ratio = torch.tensor([[1.5, 1.5, 0.5, 0.5, 5.0, 9.0]], dtype=torch.float64)
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0, -1.0, 1.0]], dtype=torch.float64)
    mask = torch.tensor([[1.0, 1, 1, 1, 1, 0]])
    logprobs = ratio.log().requires_grad_()
    zero = torch.zeros_like(ratio)
    metrics = policy_loss_metrics(logprobs, zero, advantages, mask, dual_clip=3.0)
    assert metrics["clipped"] == 2 and metrics["dual_clipped"] == 1
    assert metrics["approx_kl"] == pytest.approx(-ratio[0, :5].log().sum().item())
    policy_loss(logprobs, zero, advantages, mask, dual_clip=3.0).sum().backward()
    assert logprobs.grad is not None
    assert int((logprobs.grad[0, :5] == 0).sum()) == metrics["clipped"] + metrics["dual_clipped"]


def test_cross_entropy_equals_torch_on_logits() -> None:
    logits = torch.randn(2, 3, 7, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(7, (2, 3))
    logprobs = logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    expected = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    torch.testing.assert_close(cross_entropy(logprobs, torch.ones(2, 3)), expected)


def test_cross_entropy_gradient_in_logits_is_p_minus_b() -> None:
    """Expected over draws from b, ∂/∂z of −log softmax(z/τ) is (p − b)/τ (SePT's theory)."""
    tau = 0.8
    z = torch.randn(5, dtype=torch.float64, requires_grad=True)
    b = torch.randn(5, dtype=torch.float64).softmax(0)
    logp = (z / tau).log_softmax(0)
    (b * cross_entropy(logp[None], torch.ones(1, 5))[0]).sum().backward()
    torch.testing.assert_close(z.grad, ((z / tau).softmax(0) - b).detach() / tau)


def test_entropy_closed_forms_and_gradient() -> None:
    assert entropy(torch.zeros(8)).item() == pytest.approx(math.log(8))
    assert entropy(torch.tensor([0.0, math.log(3.0)])).item() == pytest.approx(
        -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    )
    assert entropy(torch.tensor([1e4, 0.0, 0.0])).item() == 0.0
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(entropy, (logits,))


def test_entropy_with_forbidden_tokens() -> None:
    logits = torch.tensor([0.0, 0.0, -math.inf], requires_grad=True)
    value = entropy(logits)
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
