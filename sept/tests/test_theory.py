"""SePT's theory on small models: what the expected gradient is, where it leads, and how fast."""

from __future__ import annotations

import itertools

import pytest
import torch
from sept.config import RecipeConfig
from sept.recipes import loss
from shared.training import LossInputs
from torch import Tensor

CROSS_ENTROPY = RecipeConfig(objective="cross_entropy")


def inputs(logprobs: Tensor) -> LossInputs:
    mask = torch.ones_like(logprobs)
    return LossInputs(
        logprobs=logprobs,
        old_logprobs=logprobs.detach(),
        ref_logprobs=None,
        entropy=None,
        advantages=mask,
        mask=mask,
        batch_tokens=float(mask.sum()),
        batch_sequences=len(mask),
    )


class Markov(torch.nn.Module):
    """A model whose next token depends on the token before: V + 1 rows of V logits, V the first prefix."""

    def __init__(self, vocabulary: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(vocabulary + 1, vocabulary, generator=generator, dtype=torch.float64)
        self.logits = torch.nn.Parameter(start)

    def logprobs(self, tokens: Tensor, tau: float) -> Tensor:
        """[B, T] of each token after its prefix."""
        vocabulary = self.logits.shape[1]
        first = torch.full_like(tokens[:, :1], vocabulary)
        before = torch.cat((first, tokens[:, :-1]), dim=1)
        rows = torch.log_softmax(self.logits / tau, dim=1)[before]
        return rows.gather(2, tokens[:, :, None]).squeeze(2)


def expected_gradient(model: Markov, length: int, tau_s: float, tau_t: float) -> Tensor:
    """Gradient of the recipe's loss in expectation over all sequences sampled at tau_s."""
    vocabulary = model.logits.shape[1]
    tokens = torch.tensor(list(itertools.product(range(vocabulary), repeat=length)))
    weights = model.logprobs(tokens, tau_s).sum(1).exp().detach()
    model.logits.grad = None
    for row, weight in zip(tokens, weights, strict=True):
        value, _ = loss(CROSS_ENTROPY, inputs(model.logprobs(row[None], tau_t)))
        (weight * value).backward()
    assert model.logits.grad is not None
    return model.logits.grad


@pytest.mark.parametrize("tau", [0.4, 0.6, 1.0, 1.7])
def test_the_expected_gradient_is_exactly_zero_when_temperatures_are_coupled(tau: float) -> None:
    model = Markov(4, seed=0)
    assert expected_gradient(model, 3, tau, tau).abs().max() < 1e-14
    assert expected_gradient(model, 3, tau, tau * 1.3).abs().max() > 1e-3


@pytest.mark.parametrize("tau_s, tau_t", [(0.6, 1.0), (1.4, 1.0), (0.6, 0.8)])
def test_the_expected_gradient_is_visits_times_p_minus_b_over_tau_t(tau_s: float, tau_t: float) -> None:
    model, length = Markov(4, seed=1), 3
    found = expected_gradient(model, length, tau_s, tau_t)
    z = model.logits.detach()
    b, p = torch.softmax(z / tau_s, 1), torch.softmax(z / tau_t, 1)
    visits, state = torch.zeros(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    state[4] = 1.0  # the empty prefix
    for _ in range(length):
        visits += state
        state = torch.cat((state @ b, torch.zeros(1, dtype=torch.float64)))
    # the recipe's loss is a mean over the tokens of the sequence
    assert torch.allclose(found, visits[:, None] * (p - b) / tau_t / length, atol=1e-13)


def test_monte_carlo_agrees_within_its_error_and_sees_the_drift_of_decoupling() -> None:
    model, generator = Markov(4, seed=2), torch.Generator().manual_seed(0)
    z = model.logits.detach()[4]  # the empty prefix: one token
    n = 20_000
    drawn = torch.multinomial(torch.softmax(z / 0.6, 0), n, replacement=True, generator=generator)
    hot = torch.nn.functional.one_hot(drawn, 4).double()
    for tau_t, biased in ((0.6, False), (1.0, True)):
        scores = (torch.softmax(z / tau_t, 0) - hot) / tau_t  # gradient of −log p of each sample
        error = scores.std(0) / n**0.5
        t = (scores.mean(0) / error).abs().max()
        assert (t > 10) if biased else (t < 4)
        model.logits.grad = None
        value, _ = loss(CROSS_ENTROPY, inputs(model.logprobs(drawn[:, None], tau_t)))
        value.backward()
        assert model.logits.grad is not None
        assert torch.allclose(model.logits.grad[4], scores.mean(0), atol=1e-12)


def one_round(z_old: Tensor, tau_s: float, tau_t: float) -> Tensor:
    """Minimise the expected loss of one round at a single prefix to its fixed point."""
    b = torch.softmax(z_old / tau_s, 0)
    z = z_old.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([z], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-16)

    def closure() -> Tensor:
        optimizer.zero_grad()
        logprobs = torch.log_softmax(z / tau_t, 0)
        each = [loss(CROSS_ENTROPY, inputs(one.view(1, 1)))[0] for one in logprobs]
        value = (b * torch.stack(each)).sum()
        value.backward()
        return value

    optimizer.step(closure)
    return z.detach()


@pytest.mark.parametrize("tau_s, tau_t", [(0.6, 1.0), (0.9, 1.0), (1.4, 1.0), (0.5, 0.8)])
def test_a_solved_round_multiplies_every_margin_by_tau_t_over_tau_s(tau_s: float, tau_t: float) -> None:
    z_old = torch.tensor([1.3, 0.2, -0.4, 0.9, -1.5], dtype=torch.float64)
    z_new = one_round(z_old, tau_s, tau_t)
    margins_old, margins_new = z_old[:, None] - z_old, z_new[:, None] - z_new
    assert torch.allclose(margins_new, margins_old * tau_t / tau_s, atol=1e-5)
    assert torch.equal(z_new.argsort(), z_old.argsort())


def test_rounds_compound() -> None:
    z = torch.tensor([0.5, 0.0, -0.3], dtype=torch.float64)
    twice = one_round(one_round(z, 0.6, 1.0), 0.6, 1.0)
    assert torch.allclose(twice - twice.mean(), (z - z.mean()) / 0.36, atol=1e-4)


@pytest.mark.parametrize("tau_s, sign", [(0.6, -1), (0.9, -1), (1.1, 1), (1.6, 1)])
def test_a_small_step_sharpens_below_tau_t_and_flattens_above_it(tau_s: float, sign: int) -> None:
    model, rate = Markov(4, seed=3), 1e-4
    gradient = expected_gradient(model, 1, tau_s, 1.0)[4]
    z = model.logits.detach()[4]

    def entropy(logits: Tensor) -> float:
        p = torch.softmax(logits, 0)
        return float(-(p * p.log()).sum())

    change = entropy(z - rate * gradient) - entropy(z)
    p = torch.softmax(z, 0)
    slope = -p * (p.log() - (p * p.log()).sum())  # dH/dz
    predicted = -rate * float(slope @ (p - torch.softmax(z / tau_s, 0)))
    assert change * sign > 0
    assert change == pytest.approx(predicted, rel=1e-3)
