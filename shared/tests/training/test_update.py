"""One update: what it computes does not depend on how it is cut, and it leaves alone what it should."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from shared.problems import Group, Response
from shared.sampling import SamplingParams, TorchSampler, sample_keys
from shared.training import (
    Batch,
    GroupReward,
    LossInputs,
    OptimConfig,
    Policy,
    PolicyForward,
    Recipe,
    StepContext,
    TrainConfig,
    update,
)
from small_run import CONFIG, loss, problem, recipe, trainer
from tiny_policy import tiny_model, tiny_tokenizer

from shared import algorithms

CONTEXT = StepContext(run_seed=0, step=0, total_steps=10)
# a large eps makes Adam's first step -lr g / (eps + |g|), smooth in the gradient, so rounding stays small
LINEAR = replace(CONFIG, optim=OptimConfig(lr=1.0, eps=1.0, weight_decay=0.0, grad_clip=0.0))


def make_policy(config: TrainConfig = LINEAR, kind: str = "qwen2") -> Policy:
    model = tiny_model(kind, spread=2.5)
    o = config.optim
    optimizer = torch.optim.AdamW(model.parameters(), lr=o.lr, betas=o.betas, eps=o.eps, weight_decay=0.0)
    reference = PolicyForward(tiny_model(kind, seed=1, spread=2.5))
    return Policy(model, tiny_tokenizer(), optimizer, PolicyForward(model), reference)


def make_batch(rewards: Sequence[Sequence[float]], unlabelled: Sequence[int] = ()) -> Batch:
    problems = [problem(i) for i in range(len(rewards))]
    n = len(rewards[0])
    sampler = TorchSampler(tiny_model(spread=2.5), tiny_tokenizer(), progress=False)
    keys = sample_keys(0, 0, [p.id for p in problems], n)
    responses = sampler.sample(
        [p.prompt for p in problems], SamplingParams(n, max_new_tokens=12), seed_keys=keys
    )
    batch = Batch(cursor=0)
    batch.groups = [Group(p, tuple(r)) for p, r in zip(problems, responses, strict=True)]
    batch.rewards = [GroupReward(tuple(r), has_label=i not in unlabelled) for i, r in enumerate(rewards)]
    return batch


MIXED = [[1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 1, 0], [0.5, 0.5, 0, 1]]


def step(batch: Batch, rec: Recipe, config: TrainConfig = LINEAR, kind: str = "qwen2") -> tuple[Any, dict]:
    """The change of every weight, and the metrics."""
    policy = make_policy(config, kind)
    before = copy.deepcopy(policy.model.state_dict())
    metrics = update(policy, rec, batch, config, CONTEXT)
    return {k: v - before[k] for k, v in policy.model.state_dict().items()}, metrics


def _logprob(model: Any, prompt: list[int], response: Response) -> torch.Tensor:
    """Log-probability of a whole response, by a plain forward pass."""
    tokens = list(response.token_ids)
    logits = model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, -1)[range(len(tokens)), tokens].sum()


def assert_same_step(left: Any, right: Any) -> None:
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], atol=2e-5, rtol=1e-3, msg=name)


def test_the_step_is_the_policy_gradient_by_hand() -> None:
    batch, policy = make_batch(MIXED), make_policy()
    change, metrics = step(batch, recipe())
    model = make_policy().model
    total, tokens = torch.zeros(()), 0
    for group, row in zip(batch.groups, MIXED, strict=True):
        for i, response in enumerate(group.responses):
            advantage = row[i] - (sum(row) - row[i]) / (len(row) - 1)  # leave-one-out
            prompt = policy.tokenizer(group.problem.prompt)["input_ids"]
            total = total - advantage * _logprob(model, prompt, response)
            tokens += len(response.token_ids)
    (total / tokens).backward()
    expected = {n: -p.grad / (1.0 + p.grad.abs()) for n, p in model.named_parameters()}  # Adam's first step
    assert_same_step(expected, change)
    norm = torch.sqrt(sum((p.grad**2).sum() for p in model.parameters()))
    assert metrics["update/grad_norm"] == pytest.approx(norm.item(), rel=1e-3)
    assert metrics["update/rows"] == 16 and metrics["update/rows_trained"] == 10  # six equal the mean


@pytest.mark.parametrize("kind", ["qwen2", "gpt2"])
def test_the_cut_into_micro_batches_does_not_matter(kind: str) -> None:
    batch = make_batch(MIXED)
    whole, metrics = step(batch, recipe(), replace(LINEAR, micro_batch_tokens=100_000), kind)
    for tokens in (1, 40, 150):
        parts, again = step(batch, recipe(), replace(LINEAR, micro_batch_tokens=tokens), kind)
        assert_same_step(parts, whole)
        assert again["update/loss"] == pytest.approx(metrics["update/loss"], abs=1e-5)
        assert again["update/positive"] == pytest.approx(metrics["update/positive"], abs=1e-5)


def test_dropping_rows_without_advantage_does_not_change_the_step() -> None:
    batch = make_batch(MIXED)
    dropped, metrics = step(batch, recipe())
    # reading the (unused) entropy makes every row count as able to move the policy
    kept, all_rows = step(batch, recipe(needs_entropy=True))
    assert (metrics["update/rows_trained"], all_rows["update/rows_trained"]) == (10, 16)
    assert_same_step(dropped, kept)


def test_a_unanimous_batch_leaves_weights_and_moments_alone() -> None:
    policy = make_policy()
    before = copy.deepcopy(policy.model.state_dict())
    metrics = update(policy, recipe(), make_batch([[1, 1, 1], [0, 0, 0]]), LINEAR, CONTEXT)
    assert metrics["update/skipped"] == 1.0
    assert all(torch.equal(v, before[k]) for k, v in policy.model.state_dict().items())
    assert not policy.optimizer.state


def test_cross_entropy_on_own_samples_needs_no_reward() -> None:
    def own_samples(x: LossInputs) -> tuple[torch.Tensor, dict[str, float]]:
        return algorithms.cross_entropy(x.logprobs, x.mask).sum() / x.batch_tokens, {}

    change, metrics = step(make_batch([[0, 0], [0, 0]]), recipe(loss=own_samples, needs_advantage=False))
    assert metrics["update/rows_trained"] == 4 and metrics["update/loss"] > 0
    assert any(v.abs().max() > 0 for v in change.values())


def test_groups_without_a_label_get_no_advantage() -> None:
    rewards = [[1, 0, 0, 1], [1, 0, 1, 1]]
    change, metrics = step(make_batch(rewards, unlabelled=[1]), recipe())
    alone, _ = step(make_batch([[1, 0, 0, 1], [0, 0, 0, 0]]), recipe())
    assert metrics["update/rows_trained"] == 4
    assert_same_step(change, alone)


def test_the_kl_penalty_enters_the_reward() -> None:
    seen: list[torch.Tensor] = []

    def spy(rewards: torch.Tensor) -> torch.Tensor:
        seen.append(rewards)
        return algorithms.rloo(rewards)

    batch, policy = make_batch(MIXED), make_policy()
    rec = recipe(advantage=spy, kl_in_reward=0.1, kl_kind="k1")
    metrics = update(policy, rec, batch, LINEAR, CONTEXT)
    model, reference = make_policy().model, policy.reference.model
    expected = []
    for group, row in zip(batch.groups, MIXED, strict=True):
        prompt = policy.tokenizer(group.problem.prompt)["input_ids"]
        for reward, response in zip(row, group.responses, strict=True):
            difference = _logprob(model, prompt, response) - _logprob(reference, prompt, response)
            expected.append(reward - 0.1 * difference.item())
    assert seen[0].flatten().tolist() == pytest.approx(expected, abs=1e-4)
    penalty = (sum(map(sum, MIXED)) - sum(expected)) / 16 / 0.1
    assert metrics["update/kl_in_reward"] == pytest.approx(penalty, rel=1e-3)


def test_the_reference_and_recomputed_old_logprobs_reach_the_loss() -> None:
    inputs: list[LossInputs] = []

    def spy(x: LossInputs) -> tuple[torch.Tensor, dict[str, float]]:
        inputs.append(x)
        return loss(x)

    config = replace(LINEAR, epochs=2, optim=OptimConfig(lr=0.01, grad_clip=0.0))
    step(make_batch(MIXED), recipe(loss=spy, needs_reference=True), config)
    first, second = inputs
    torch.testing.assert_close(first.logprobs.detach(), first.old_logprobs, atol=1e-5, rtol=0)
    assert torch.equal(first.old_logprobs, second.old_logprobs)  # of before the first update
    assert (second.logprobs - second.old_logprobs).abs().max() > 1e-3
    assert first.ref_logprobs is not None and (first.ref_logprobs - first.old_logprobs).abs().max() > 0.1
    assert not first.ref_logprobs[first.mask == 0].any()
    assert inputs[0].batch_sequences == 16 and inputs[0].batch_tokens == first.mask.sum()


def test_mini_batches_split_by_group_with_their_own_denominators() -> None:
    inputs: list[LossInputs] = []

    def spy(x: LossInputs) -> tuple[torch.Tensor, dict[str, float]]:
        inputs.append(x)
        return loss(x)

    batch = make_batch(MIXED)
    _, metrics = step(batch, recipe(loss=spy, needs_entropy=True), replace(LINEAR, minibatches=2))
    lengths = [sum(len(r.token_ids) for r in g.responses) for g in batch.groups]
    assert [x.batch_tokens for x in inputs] == [sum(lengths[:2]), sum(lengths[2:])]
    assert [x.batch_sequences for x in inputs] == [8, 8] and metrics["update/optimizer_steps"] == 2


@pytest.mark.parametrize("loss_temperature,expected", [(None, 0.5), (1.0, 1.0)])
def test_the_loss_temperature_defaults_to_the_sampling_temperature(
    loss_temperature: float | None, expected: float
) -> None:
    rec = recipe(temperature=lambda context: 0.5)
    change, _ = step(make_batch(MIXED), rec, replace(LINEAR, loss_temperature=loss_temperature))
    wanted, _ = step(make_batch(MIXED), recipe(temperature=lambda context: expected))
    assert_same_step(change, wanted)


def test_a_recipe_that_needs_a_reference_says_so() -> None:
    policy = make_policy()
    policy.reference = None
    with pytest.raises(ValueError, match="reads a reference model"):
        update(policy, recipe(kl_in_reward=0.1), make_batch(MIXED), LINEAR, CONTEXT)


def test_gradient_checkpointing_gives_the_same_run(tmp_path: Path) -> None:
    config = replace(CONFIG, steps=2, eval_every=0, save_every=0)
    plain = trainer(tmp_path / "plain", config=config, evaluator=None)
    plain.run()
    checkpointed = trainer(
        tmp_path / "checkpointed", config=replace(config, gradient_checkpointing=True), evaluator=None
    )
    assert checkpointed.policy.model.training and not checkpointed.policy.forward.shares_prompts
    checkpointed.run()
    for a, b in zip(plain.policy.model.parameters(), checkpointed.policy.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=1e-2)
