"""The oneDNN linear layer is a linear layer, in value and gradient."""

import pytest
import torch
import torch.nn.functional as F
from shared.sampling.linear import linear


@pytest.mark.parametrize("shape", [(5, 8), (3, 4, 8), (2, 1, 8)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_value_and_gradients_equal_the_library(shape: tuple[int, ...], with_bias: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator)
    weight = torch.randn(6, 8, generator=generator)
    bias = torch.randn(6, generator=generator) if with_bias else None
    ours = [t.clone().requires_grad_() if t is not None else None for t in (x, weight, bias)]
    theirs = [t.clone().requires_grad_() if t is not None else None for t in (x, weight, bias)]
    # a transposed view going in and an expanded gradient coming back
    left, right = linear(*ours), F.linear(*theirs)
    torch.testing.assert_close(left, right)
    (left.transpose(0, -1) * torch.arange(1.0, 1 + left.shape[0])).sum().backward()
    (right.transpose(0, -1) * torch.arange(1.0, 1 + right.shape[0])).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        if a is not None:
            torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-5)


def test_other_types_take_the_library_path() -> None:
    x, weight = torch.ones(2, 3, dtype=torch.float64), torch.full((1, 3), 2.0, dtype=torch.float64)
    assert linear(x, weight).tolist() == [[6.0], [6.0]]


def test_frozen_weights_get_no_gradient() -> None:
    x, weight = torch.ones(2, 3, requires_grad=True), torch.ones(4, 3)
    linear(x, weight).sum().backward()
    assert weight.grad is None and x.grad.tolist() == [[4.0] * 3] * 2
