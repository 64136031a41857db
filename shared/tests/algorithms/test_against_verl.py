"""Our functions against verl's ``core_algos`` on the same random batches.

Where verl differs from the formula, the test says how:

* a group of one: verl passes the raw reward through (rloo, grpo); ours raises;
* unanimous groups: verl divides float32 rounding noise by eps (0.06 for eight
  rewards of 0.7); ours is 0;
* ``low_var_kl``/``k3`` is clipped in verl; ours is so only as ``k3_clipped``;
* ``k3+`` and ``k1+`` of verl take their gradient from k2 and have no counterpart here;
* ``agg_loss`` without global denominators excludes empty sequences; ours always takes the
  denominators, and ``seq-mean-token-sum-norm`` always takes the constant length;
* whitening adds 1e-8 to counts in verl, a relative difference of 1e-10 at these sizes.
"""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("verl")
pytestmark = pytest.mark.heavy

import numpy as np  # noqa: E402
from verl import DataProto  # noqa: E402
from verl.trainer.config import AlgoConfig  # noqa: E402
from verl.trainer.ppo import core_algos  # noqa: E402
from verl.trainer.ppo.ray_trainer import apply_kl_penalty  # noqa: E402
from verl.utils.torch_functional import entropy_from_logits  # noqa: E402
from verl.workers.config import FSDPActorConfig  # noqa: E402

from shared import algorithms as ours  # noqa: E402

GROUPS, N, WIDTH = 5, 4, 7
ROWS = GROUPS * N


class Batch:
    """Random rewards, masks and log-probabilities in float64, rows of a group contiguous."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        lengths = torch.randint(1, WIDTH + 1, (ROWS, 1))
        self.mask = (torch.arange(WIDTH) < lengths).double()
        self.rewards = torch.randn(GROUPS, N, dtype=torch.float64)
        self.index = np.repeat(np.arange(GROUPS), N)
        self.logprobs, self.old, self.ref = (
            -3 * torch.rand(ROWS, WIDTH, dtype=torch.float64) - 0.01 for _ in range(3)
        )
        self.advantages = torch.randn(ROWS, WIDTH, dtype=torch.float64)
        self.token_rewards = torch.zeros(ROWS, WIDTH, dtype=torch.float64)
        self.token_rewards[torch.arange(ROWS), lengths[:, 0] - 1] = self.rewards.reshape(-1)


@pytest.fixture(params=range(5))
def batch(request: pytest.FixtureRequest) -> Batch:
    return Batch(request.param)


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("theirs", "options", "mine"),
    [
        ("rloo", {}, ours.rloo),
        ("rloo_vectorized", {}, ours.rloo),
        ("grpo", {}, ours.grpo),
        ("grpo", {"norm_adv_by_std_in_grpo": False}, ours.dr_grpo),
        ("grpo", {"epsilon": 1e-4}, lambda r: ours.grpo(r, eps=1e-4)),
        ("grpo_vectorized", {}, ours.grpo),
    ],
)
def test_group_advantages(batch: Batch, theirs: str, options: dict, mine) -> None:
    estimate, _ = core_algos.get_adv_estimator_fn(theirs)(
        batch.token_rewards.clone(), batch.mask, index=batch.index, **options
    )
    close(ours.per_token(mine(batch.rewards), batch.mask), estimate, 1e-7)


def test_group_advantages_in_float32(batch: Batch) -> None:
    rewards, mask = batch.token_rewards.float(), batch.mask.float()
    estimate, _ = core_algos.compute_grpo_outcome_advantage(rewards.clone(), mask, index=batch.index)
    close(ours.per_token(ours.grpo(batch.rewards.float()), mask), estimate, 1e-5)


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_reinforce_plus_plus(batch: Batch, gamma: float) -> None:
    rewards = ours.kl_penalty_rewards(batch.rewards.reshape(-1), batch.old, batch.ref, batch.mask, 0.1)
    estimate, returns = core_algos.compute_reinforce_plus_plus_outcome_advantage(
        rewards.clone(), batch.mask, config=AlgoConfig(gamma=gamma)
    )
    close(ours.discounted_returns(rewards, batch.mask, gamma), returns)
    close(ours.reinforce_plus_plus_tokens(rewards, batch.mask, gamma=gamma), estimate, 1e-8)


def test_reinforce_plus_plus_baseline(batch: Batch) -> None:
    estimate, _ = core_algos.compute_reinforce_plus_plus_baseline_outcome_advantage(
        batch.token_rewards.clone(), batch.mask, index=batch.index
    )
    close(ours.reinforce_plus_plus_baseline_tokens(batch.token_rewards, batch.mask, N), estimate, 1e-8)


def test_where_verl_differs_for_one_response_and_unanimous_groups() -> None:
    reward, mask, index = torch.tensor([[0.7]]), torch.ones(1, 1), np.array([0])
    alone, _ = core_algos.compute_rloo_outcome_advantage(reward.clone(), mask, index)
    assert alone.item() == pytest.approx(0.7)
    with pytest.raises(ValueError, match="undefined for n = 1"):
        ours.rloo(reward)
    unanimous = torch.full((8, 1), 0.7)
    noise, _ = core_algos.compute_grpo_outcome_advantage(unanimous.clone(), torch.ones(8, 1), np.zeros(8))
    assert 0.01 < noise.abs().max().item() < 0.1
    assert ours.grpo(unanimous.reshape(1, 8)).abs().max().item() == 0.0


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ("kl", "k1"),
        ("k1", "k1"),
        ("mse", "k2"),
        ("k2", "k2"),
        ("low_var_kl", "k3_clipped"),
        ("k3", "k3_clipped"),
    ],
)
def test_kl_estimators_and_their_gradients(batch: Batch, theirs: str, mine) -> None:
    spread = torch.linspace(0, 30, WIDTH, dtype=torch.float64)  # far enough to reach both clamps
    first, second = (batch.logprobs - spread).requires_grad_(), (batch.logprobs - spread).requires_grad_()
    expected = core_algos.kl_penalty(first, batch.ref, theirs)
    result = ours.kl_estimate(second, batch.ref, mine)
    close(result, expected, 1e-9)
    (expected * batch.mask).sum().backward()
    ours.kl_loss(second, batch.ref, batch.mask, mine).sum().backward()
    close(second.grad, first.grad, 1e-9)


def test_unclipped_k3_agrees_where_verl_does_not_clip(batch: Batch) -> None:
    near = batch.ref + (batch.logprobs - batch.ref).clamp(-2, 2)
    close(ours.kl_estimate(near, batch.ref, "k3"), core_algos.kl_penalty(near, batch.ref, "k3"), 1e-9)
    far = batch.ref - 4.0
    assert (ours.kl_estimate(far, batch.ref, "k3") > core_algos.kl_penalty(far, batch.ref, "k3")).all()


def test_kl_in_reward_equals_the_trainers(batch: Batch) -> None:
    data = DataProto.from_dict(
        {
            "response_mask": batch.mask,
            "token_level_scores": batch.token_rewards,
            "old_log_probs": batch.old,
            "ref_log_prob": batch.ref,
        }
    )
    data, _ = apply_kl_penalty(data, core_algos.FixedKLController(0.1), kl_penalty="low_var_kl")
    mine = ours.kl_penalty_rewards(
        batch.rewards.reshape(-1), batch.old, batch.ref, batch.mask, 0.1, kind="k3_clipped"
    )
    close(mine, data.batch["token_level_rewards"], 1e-9)


@pytest.mark.parametrize(
    "mode", ["token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"]
)
def test_aggregation(batch: Batch, mode) -> None:
    scale = {"loss_scale_factor": 50} if mode == "seq-mean-token-sum-norm" else {}
    expected = core_algos.agg_loss(batch.advantages, batch.mask, mode, **scale)
    denominators = {"batch_tokens": batch.mask.sum().item(), "batch_sequences": ROWS, "max_tokens": 50}
    close(ours.aggregate(batch.advantages, batch.mask, mode, **denominators), expected, 1e-8)
    half = slice(0, ROWS // 2)
    shared_denominators = {"batch_num_tokens": denominators["batch_tokens"], "global_batch_size": ROWS}
    expected = core_algos.agg_loss(
        batch.advantages[half], batch.mask[half], mode, **shared_denominators, **scale
    )
    close(ours.aggregate(batch.advantages[half], batch.mask[half], mode, **denominators), expected, 1e-8)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.2), (0.1, 0.28)])
def test_clipped_policy_loss_its_gradient_and_metrics(batch: Batch, low: float, high: float) -> None:
    config = FSDPActorConfig(
        strategy="fsdp",
        rollout_n=N,
        ppo_micro_batch_size_per_gpu=1,
        clip_ratio_low=low,
        clip_ratio_high=high,
        clip_ratio_c=3.0,
    )
    first, second = batch.logprobs.clone().requires_grad_(), batch.logprobs.clone().requires_grad_()
    expected, metrics = core_algos.compute_policy_loss_vanilla(
        batch.old, first, batch.advantages, batch.mask, "token-mean", config
    )
    arguments = (second, batch.old, batch.advantages, batch.mask, low, high, 3.0)
    tokens = batch.mask.sum().item()
    result = ours.aggregate(
        ours.policy_loss(*arguments), batch.mask, "token-mean", batch_tokens=tokens, batch_sequences=ROWS
    )
    close(result, expected, 1e-9)
    expected.backward()
    result.backward()
    close(second.grad, first.grad, 1e-9)
    mine = ours.policy_loss_metrics(*arguments)
    assert mine["clipped"] / tokens == pytest.approx(metrics["actor/pg_clipfrac"], abs=1e-6)
    assert mine["dual_clipped"] / tokens == pytest.approx(metrics["actor/pg_clipfrac_lower"], abs=1e-6)
    assert mine["dual_clipped"] > 0
    assert mine["approx_kl"] / tokens == pytest.approx(metrics["actor/ppo_kl"], abs=1e-6)


def test_entropy(batch: Batch) -> None:
    logits = torch.randn(3, 4, 9)
    close(ours.entropy(logits), entropy_from_logits(logits), 1e-5)
