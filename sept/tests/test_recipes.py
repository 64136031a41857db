"""The objectives against closed forms and finite differences; the rewards of the comparisons."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sept.commands import composed
from sept.config import RecipeConfig
from sept.recipes import build, coin_reward, loss, no_reward, truth_reward, vote_reward
from shared.problems import Group, Problem, Response
from shared.training import LossInputs, StepContext
from shared.verifiers import EXACT
from torch import Tensor

CONTEXT = StepContext(0, 0, 30)
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)


def inputs(logits: Tensor, tokens: Tensor, tau: float, **changes: Any) -> LossInputs:
    full = torch.log_softmax(logits / tau, dim=-1)
    logprobs = full.gather(2, tokens[..., None]).squeeze(2)
    given: dict[str, Any] = {
        "logprobs": logprobs,
        "old_logprobs": logprobs.detach(),
        "ref_logprobs": None,
        "entropy": -(full.exp() * full).sum(-1),
        "advantages": torch.ones_like(logprobs),
        "mask": MASK,
        "batch_tokens": 4.0,
        "batch_sequences": 2,
    }
    return LossInputs(**(given | changes))


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


TOKENS = torch.tensor([[0, 3, 1], [2, 0, 0]])


def test_cross_entropy_is_the_token_mean_of_the_negative_log_likelihood(logits: Tensor) -> None:
    value, metrics = loss(RecipeConfig(), inputs(logits, TOKENS, 1.0))
    flat = torch.nn.functional.cross_entropy(logits[MASK.bool()], TOKENS[MASK.bool()])
    assert value.item() == pytest.approx(flat.item())
    assert metrics["entropy"] > 0


def test_micro_batches_sum_to_the_batch(logits: Tensor) -> None:
    whole, _ = loss(RecipeConfig(), inputs(logits, TOKENS, 0.7))
    parts = [
        loss(RecipeConfig(), inputs(logits[i : i + 1], TOKENS[i : i + 1], 0.7, mask=MASK[i : i + 1]))[0]
        for i in (0, 1)
    ]
    assert sum(p.item() for p in parts) == pytest.approx(whole.item())


@pytest.mark.parametrize("tau", [1.0, 0.6])
def test_em_ft_differentiates_the_entropy_of_the_whole_distribution(logits: Tensor, tau: float) -> None:
    recipe = RecipeConfig(objective="entropy", entropy_coef=1.0)

    def value(z: Tensor) -> Tensor:
        return loss(recipe, inputs(z, TOKENS, tau))[0]

    z = logits.clone().requires_grad_()
    value(z).backward()
    assert z.grad is not None
    p = torch.softmax(logits / tau, -1)
    entropy = -(p * p.log()).sum(-1, keepdim=True)
    expected = -(p * (p.log() + entropy)) / tau * MASK[..., None] / 4.0  # dH/dz
    assert torch.allclose(z.grad, expected, atol=1e-12)
    assert torch.autograd.gradcheck(value, (z,))
    with pytest.raises(ValueError, match="needs next-token entropies"):
        loss(recipe, inputs(logits, TOKENS, tau, entropy=None))


def test_em_ft_is_not_cross_entropy_in_expectation(logits: Tensor) -> None:
    """At τs = τt = 1 the expected cross-entropy gradient is zero; that of the entropy is not."""
    z = logits[:1, :1].clone().requires_grad_()
    each = [
        loss(RecipeConfig(), inputs(z, torch.tensor([[a]]), 1.0, mask=MASK[:1, :1], batch_tokens=1.0))[0]
        for a in range(5)
    ]
    p = torch.softmax(logits[0, 0], -1)
    (gradient,) = torch.autograd.grad((p * torch.stack(each)).sum(), z)
    assert gradient.abs().max() < 1e-15


def test_what_each_arm_asks_of_the_engine() -> None:
    def made(arm: str) -> tuple[Any, Any]:
        config = composed("paper", [f"arm={arm}"])
        return build(config), config

    sept, config = made("sept")
    assert not sept.needs_advantage and not sept.needs_entropy and not sept.needs_reference
    assert config.sampling.n == 1 and config.recipe.loss_temperature == 1.0 and sept.kl_in_reward == 0
    assert made("coupled")[1].recipe.loss_temperature is None
    assert made("em_ft")[0].needs_entropy and not made("em_ft")[0].needs_advantage
    assert made("grpo")[0].needs_advantage and made("grpo")[1].sampling.n == 8


def test_rewards() -> None:
    problem = Problem(id="p", prompt="1+1=?", answer=None, source="test")
    texts = ["\\boxed{2}", "\\boxed{3}", "\\boxed{3}", "nothing"]
    group = Group(problem, tuple(Response(t) for t in texts))
    (silent,) = no_reward([group], CONTEXT)
    assert silent.rewards == (0.0,) * 4 and silent.has_label
    (vote,) = vote_reward(EXACT, [group], CONTEXT)
    assert vote.rewards == (0.0, 1.0, 1.0, 0.0) and vote.label == "3"
    known = Group(Problem(id="p", prompt="1+1=?", answer="2", source="test"), group.responses)
    assert truth_reward(EXACT, [known], CONTEXT)[0].rewards == (1.0, 0.0, 0.0, 0.0)
    many = Group(problem, group.responses * 250)
    (coins,) = coin_reward([many], CONTEXT)
    assert set(coins.rewards) == {0.0, 1.0} and abs(sum(coins.rewards) / 1000 - 0.5) < 0.06
    assert coin_reward([many], CONTEXT) == coin_reward([many], CONTEXT)


@pytest.mark.parametrize(
    "overrides, message",
    [
        (["arm=grpo", "sampling.n=1"], "sample at least 2"),
        (["recipe.signal=truth"], "a policy gradient needs a signal"),
        (["recipe.objective=entropic"], "choose one of"),
        (["recipe.loss_temperature=0"], "positive"),
        (["arm=coupled", "sampling.tau_start=0"], "more than 0"),
        (["run.steps=2"], "anneal_epochs"),
        (["run.save_every=4"], "save_every"),
        (["sampling.taus=1"], "taus"),
        (["arm=nothing"], "nothing"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        composed("mini", overrides)
