"""The recipe path, verl's own algorithms and the local engine agree on the same rollouts.

Needs verl installed (``make e2e-verl``); no Ray, no vLLM, seconds.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import verl_toy
from shared.algorithms import grpo, kl_estimate
from shared.on_verl.advantages import group_advantages
from shared.on_verl.loss import RecipeLoss
from shared.on_verl.references import Reference
from shared.problems import Group
from shared.sampling import SamplingParams, TorchSampler, encode_prompt, sample_keys
from shared.training import Batch, OptimConfig, Policy, PolicyForward, StepContext, TrainConfig, update

pytestmark = pytest.mark.heavy
core_algos = pytest.importorskip("verl.trainer.ppo.core_algos", reason="verl is not installed")

KL = 0.05
N = 4
CONTEXT = StepContext(0, 0, 1)


@dataclasses.dataclass
class Rollouts:
    """Sampled groups, with rewards and everything verl would have stored for them."""

    groups: list[Group]
    model: Any
    tokenizer: Any
    prompts: list[torch.Tensor]
    responses: list[torch.Tensor]
    old: list[torch.Tensor]
    ref: list[torch.Tensor]

    @property
    def uids(self) -> list[str]:
        return [g.problem.id for g in self.groups for _ in g.responses]

    @property
    def masks(self) -> list[torch.Tensor]:
        return [torch.ones(len(r)) for r in self.responses]


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory: pytest.TempPathFactory) -> Rollouts:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder: Path = tmp_path_factory.mktemp("model")
    verl_toy.write_model(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    problems = verl_toy.problems(6)
    sampler = TorchSampler(model, tokenizer, progress=False)
    params = SamplingParams(N, 1.0, 1.0, 7, ())
    keys = sample_keys(0, 0, [p.id for p in problems], N)
    sampled = sampler.sample([p.prompt for p in problems], params, seed_keys=keys)
    groups = [Group(p, tuple(r)) for p, r in zip(problems, sampled, strict=True)]
    prompts = [torch.tensor(encode_prompt(tokenizer, g.problem.prompt)) for g in groups for _ in g.responses]
    responses = [torch.tensor(r.token_ids) for g in groups for r in g.responses]
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        pairs = zip(prompts, responses, strict=True)
        new = [_token_logprobs(model, p, r)[len(p) - 1 : -1] for p, r in pairs]
    noisy = [[x + 0.3 * torch.randn(x.shape, generator=generator) for x in new] for _ in range(2)]
    return Rollouts(groups, model, tokenizer, prompts, responses, noisy[0], noisy[1])


def _token_logprobs(model: Any, prompt: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """As verl's engine returns them: one per position of prompt + response, the last one unused."""
    ids = torch.cat([prompt, response])
    logprobs = model(ids[None]).logits[0].log_softmax(-1)
    return torch.cat([logprobs[:-1].gather(1, ids[1:, None])[:, 0], torch.zeros(1)])


def _micro_batch(
    rollouts: Rollouts, rows: list[int], old: list[torch.Tensor], advantages: list[float]
) -> Any:
    from verl.utils import tensordict_utils as tu

    def nested(values: list[torch.Tensor]) -> torch.Tensor:
        return torch.nested.as_nested_tensor([values[i] for i in rows], layout=torch.jagged)

    spread = [m * a for m, a in zip(rollouts.masks, advantages, strict=True)]
    data = tu.get_tensordict(
        {
            "prompts": nested(rollouts.prompts),
            "responses": nested(rollouts.responses),
            "response_mask": nested(rollouts.masks),
            "old_log_probs": nested(old),
            "ref_log_prob": nested(rollouts.ref),
            "advantages": nested(spread),
        }
    )
    tu.assign_non_tensor(
        data,
        dp_size=1,
        batch_num_tokens=sum(len(r) for r in rollouts.responses),
        global_batch_size=len(rollouts.responses),
    )
    return data


def _recipe_loss(
    rollouts: Rollouts, arm: dict[str, Any], old: list[torch.Tensor], advantages: list[float]
) -> Any:
    """Summed loss over micro-batches of three rows, as verl's FSDP engine accumulates it."""
    loss_fn, total = RecipeLoss(Reference("verl_toy:build", (arm,))), torch.zeros(())
    for start in range(0, len(rollouts.responses), 3):
        rows = list(range(start, min(start + 3, len(rollouts.responses))))
        outputs = [_token_logprobs(rollouts.model, rollouts.prompts[i], rollouts.responses[i]) for i in rows]
        output = {"log_probs": torch.nested.as_nested_tensor(outputs, layout=torch.jagged)}
        loss, metrics = loss_fn(output, _micro_batch(rollouts, rows, old, advantages))
        assert metrics["loss"].aggregate() == pytest.approx(float(loss.detach()))
        total = total + loss
    return total


def _pad(values: list[torch.Tensor]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(values, batch_first=True)


def _verl_advantages(rollouts: Rollouts, rewards: list[float], estimator: str) -> torch.Tensor:
    mask, old, ref = _pad(rollouts.masks), _pad(rollouts.old), _pad(rollouts.ref)
    token_rewards = -KL * core_algos.kl_penalty(old, ref, "low_var_kl") * mask
    for i, reward in enumerate(rewards):
        token_rewards[i, len(rollouts.responses[i]) - 1] += reward
    function = core_algos.get_adv_estimator_fn(estimator)
    return function(token_rewards, mask, index=np.array(rollouts.uids))[0]


@pytest.mark.parametrize("estimator", ["rloo", "grpo"])
def test_advantages_equal_verls_estimators(rollouts: Rollouts, estimator: str) -> None:
    recipe = verl_toy.build({"kl": KL})
    if estimator == "grpo":
        recipe = dataclasses.replace(recipe, advantage=grpo)
    rewards = recipe.reward(rollouts.groups, CONTEXT)
    pairs = zip(rollouts.old, rollouts.ref, strict=True)
    kl = [float(kl_estimate(o, r, recipe.kl_kind).sum()) for o, r in pairs]
    ours = group_advantages(recipe, rewards, [kl[i : i + N] for i in range(0, len(kl), N)])
    theirs = _verl_advantages(rollouts, [x for r in rewards for x in r.rewards], estimator)
    expected = torch.tensor([a for row in ours for a in row])[:, None] * _pad(rollouts.masks)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(theirs, expected.to(theirs.dtype), atol=2e-5, rtol=2e-5)


def test_loss_equals_verls_vanilla_policy_loss(rollouts: Rollouts) -> None:
    arm: dict[str, Any] = {}
    rewards = verl_toy.build(arm).reward(rollouts.groups, CONTEXT)
    advantages = [a for row in group_advantages(verl_toy.build(arm), rewards) for a in row]
    ours = _recipe_loss(rollouts, arm, rollouts.old, advantages)
    pairs = zip(rollouts.prompts, rollouts.responses, strict=True)
    new = _pad([_token_logprobs(rollouts.model, p, r)[len(p) - 1 : -1] for p, r in pairs])
    mask = _pad(rollouts.masks)
    config = _actor_config()
    theirs, _ = core_algos.compute_policy_loss_vanilla(
        old_log_prob=_pad(rollouts.old),
        log_prob=new,
        advantages=torch.tensor(advantages)[:, None] * mask,
        response_mask=mask,
        config=config,
    )
    assert abs(float(theirs)) > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def _actor_config() -> Any:
    values = {"clip_ratio": 0.2, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2, "global_batch_info": {}}
    return SimpleNamespace(**values, get=lambda name, default: {"clip_ratio_c": 3.0}.get(name, default))


def test_the_local_engine_takes_the_same_gradient(rollouts: Rollouts) -> None:
    arm: dict[str, Any] = {}
    recipe = verl_toy.build(arm)
    rewards = recipe.reward(rollouts.groups, CONTEXT)
    pairs = zip(rollouts.prompts, rollouts.responses, strict=True)
    with torch.no_grad():
        old = [_token_logprobs(rollouts.model, p, r)[len(p) - 1 : -1] for p, r in pairs]
    rollouts.model.zero_grad()
    advantages = [a for row in group_advantages(recipe, rewards) for a in row]
    loss = _recipe_loss(rollouts, arm, old, advantages)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(rollouts.model.parameters(), float("inf"))
    rollouts.model.zero_grad()

    batch = Batch(cursor=6, groups=rollouts.groups, rewards=rewards)
    config = TrainConfig(
        seed=0, steps=1, prompts_per_step=6, n=N, max_new_tokens=7, optim=OptimConfig(lr=1e-9, grad_clip=1e9)
    )
    optimizer = torch.optim.AdamW(rollouts.model.parameters(), lr=1e-9)
    policy = Policy(rollouts.model, rollouts.tokenizer, optimizer, PolicyForward(rollouts.model))
    local = update(policy, recipe, batch, config, CONTEXT)
    assert local["update/loss"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert local["update/grad_norm"] == pytest.approx(float(norm), rel=1e-4) and float(norm) > 1e-3
