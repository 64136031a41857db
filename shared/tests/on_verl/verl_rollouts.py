"""Rollouts of a tiny model with all that verl would have stored for them, and verl's view of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import verl_toy
from omegaconf import OmegaConf
from shared.on_verl import VerlEngine, compose
from shared.problems import Group
from shared.sampling import SamplingParams, TorchSampler, encode_prompt, sample_keys
from shared.training import OptimConfig, TrainConfig

N = 4
"""Responses in a group."""


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


def make_rollouts(folder: Path) -> Rollouts:
    """Six groups from a random model; old and reference log-probabilities are noisy copies."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

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
        new = [response_logprobs(model, p, r) for p, r in pairs]
    noisy = [[x + 0.3 * torch.randn(x.shape, generator=generator) for x in new] for _ in range(2)]
    return Rollouts(groups, model, tokenizer, prompts, responses, noisy[0], noisy[1])


def token_outputs(
    model: Any, prompt: torch.Tensor, response: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """As verl's engine returns them, one per position of prompt + response, the last one unused:
    log-probability of the next token, and entropy."""
    ids = torch.cat([prompt, response])
    logprobs = model(ids[None]).logits[0].log_softmax(-1)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    return torch.cat([logprobs[:-1].gather(1, ids[1:, None])[:, 0], torch.zeros(1)]), entropy


def response_logprobs(model: Any, prompt: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """Of the response tokens alone."""
    return token_outputs(model, prompt, response)[0][len(prompt) - 1 : -1]


def micro_batch(rollouts: Rollouts, rows: list[int], old: list[torch.Tensor], advantages: list[float]) -> Any:
    """Some rows as verl hands them to a loss function."""
    from verl.utils import tensordict_utils as tu

    spread = [m * a for m, a in zip(rollouts.masks, advantages, strict=True)]
    pairs = zip(rollouts.prompts, rollouts.masks, strict=True)
    whole = [torch.cat([torch.zeros(len(prompt)), mask]) for prompt, mask in pairs]
    columns = {
        "prompts": rollouts.prompts,
        "responses": rollouts.responses,
        "response_mask": rollouts.masks,
        "old_log_probs": old,
        "ref_log_prob": rollouts.ref,
        "advantages": spread,
        "loss_mask": whole,
    }
    data = tu.get_tensordict({name: nested([values[i] for i in rows]) for name, values in columns.items()})
    tokens = sum(len(r) for r in rollouts.responses)
    tu.assign_non_tensor(data, dp_size=1, batch_num_tokens=tokens, global_batch_size=len(rollouts.responses))
    return data


def summed_loss(
    rollouts: Rollouts,
    loss_fn: Callable[..., Any],
    old: list[torch.Tensor],
    advantages: list[float],
    *,
    entropy: bool = False,
) -> torch.Tensor:
    """Sum over micro-batches of three rows, as verl's FSDP engine accumulates a loss."""
    total = torch.zeros(())
    for start in range(0, len(rollouts.responses), 3):
        rows = list(range(start, min(start + 3, len(rollouts.responses))))
        outputs = [token_outputs(rollouts.model, rollouts.prompts[i], rollouts.responses[i]) for i in rows]
        output = {"log_probs": nested([o[0] for o in outputs])}
        if entropy:
            output["entropy"] = nested([o[1] for o in outputs])
        loss, _ = loss_fn(model_output=output, data=micro_batch(rollouts, rows, old, advantages))
        total = total + loss
    return total


def verls_own_loss(values: Mapping[str, Any], *, reference: bool = False) -> Callable[..., Any]:
    """verl's ``ppo_loss`` as we configure it: defaults, some values changed, with or without KL loss."""
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.utils.losses import ppo_loss

    optim = OptimConfig(lr=1e-6)
    train = TrainConfig(seed=0, steps=1, prompts_per_step=8, n=N, max_new_tokens=8, optim=optim)
    overrides = {f"actor_rollout_ref.actor.{key}": value for key, value in values.items()}
    recipe = dataclasses.replace(verl_toy.build({}), needs_reference=reference)
    engine = VerlEngine(model="none", overrides=overrides)
    config = compose(train, engine, recipe, Path("/run"), validates=False)
    resolved = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    return partial(ppo_loss, config=omega_conf_to_dataclass(resolved.actor_rollout_ref.actor))


def nested(values: list[torch.Tensor]) -> torch.Tensor:
    """A jagged tensor."""
    return torch.nested.as_nested_tensor(values, layout=torch.jagged)
