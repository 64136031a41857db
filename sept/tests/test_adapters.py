"""LoRA held against plain weights: gradients by the chain rule, log-probs of the merged model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sept.adapters import merged, with_adapters
from sept.commands import composed
from sept.config import RecipeConfig
from sept.recipes import loss
from sept.run import run
from shared.problems import Response
from shared.sampling import SamplingParams, TorchSampler
from shared.training import LossInputs, PolicyForward
from shared.training.batching import Row, micro_batches
from shared.training.experiment import load_model

pytest.importorskip("peft", reason="peft is not installed")

ROWS = [Row((1, 8, 3, 9), (10, 3, 11, 7, 2), 0), Row((1, 12, 4), (12, 5, 2), 1)]


def loss_of(model: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """(loss of SePT on two rows, their log-probs)."""
    (micro,) = micro_batches(
        ROWS, 4096, torch.device("cpu"), share_prompts=PolicyForward(model).shares_prompts
    )
    logprobs, _ = PolicyForward(model)(micro, 1.0)
    given = LossInputs(
        logprobs, logprobs.detach(), None, None, micro.mask, micro.mask, float(micro.mask.sum()), 2
    )
    return loss(RecipeConfig(), given)[0], logprobs.detach()


def test_new_adapters_leave_the_model_as_it_was_and_train_alone(tiny_base: Path) -> None:
    plain, _ = load_model(str(tiny_base))
    adapted = with_adapters(load_model(str(tiny_base))[0], 4, seed=0)
    assert torch.allclose(loss_of(plain)[1], loss_of(adapted)[1], atol=1e-6)
    trained = {name for name, p in adapted.named_parameters() if p.requires_grad}
    assert trained and all("lora_" in name for name in trained)
    assert sum("lora_A" in name for name in trained) == 7 * 2  # q k v o gate up down in two layers


def test_gradients_are_those_of_the_merged_weights_by_the_chain_rule(tiny_base: Path) -> None:
    """W' = W + B A, so dL/dB = (dL/dW') Aᵀ and dL/dA = Bᵀ (dL/dW')."""
    adapted = with_adapters(load_model(str(tiny_base))[0], 4, seed=0)
    generator = torch.Generator().manual_seed(1)
    for name, p in adapted.named_parameters():
        if "lora_B" in name:  # zero at the start: then dL/dA would be zero too
            p.data = 0.1 * torch.randn(p.shape, generator=generator)
    value, adapted_logprobs = loss_of(adapted)
    value.backward()
    factors = {n.replace(".default", ""): (p.detach().clone(), p.grad) for n, p in adapted.named_parameters()}
    plain = merged(adapted)
    for p in plain.parameters():
        p.requires_grad_(True)
        p.grad = None
    value, merged_logprobs = loss_of(plain)
    assert torch.allclose(adapted_logprobs, merged_logprobs, atol=1e-5)
    value.backward()
    checked = 0
    for name, p in plain.named_parameters():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{stem}.lora_A.weight" not in factors or p.grad is None:
            continue
        (a, grad_a), (b, grad_b) = factors[f"{stem}.lora_A.weight"], factors[f"{stem}.lora_B.weight"]
        assert torch.allclose(grad_b, p.grad @ a.T, atol=1e-6), name
        assert torch.allclose(grad_a, b.T @ p.grad, atol=1e-6), name
        checked += 1
    assert checked == 14


def test_the_sampler_sees_the_adapters(tiny_base: Path) -> None:
    base, tokenizer = load_model(str(tiny_base))
    params, keys = SamplingParams(4, 1.0, 1.0, 12), [[1, 2, 3, 4]]

    def drawn(model: torch.nn.Module) -> list[Response]:
        return TorchSampler(model, tokenizer, progress=False).sample(["1+2=?"], params, seed_keys=keys)[0]

    before = drawn(base)
    adapted = with_adapters(base, 4, seed=0)
    for name, p in adapted.named_parameters():
        if "lora_B" in name:
            p.data.fill_(0.2)
    after = drawn(adapted)
    assert [r.token_ids for r in after] != [r.token_ids for r in before]
    assert [r.token_ids for r in after] == [r.token_ids for r in drawn(merged(adapted))]


def test_a_run_with_adapters_trains_samples_and_resumes(small: list[str]) -> None:
    config = composed("mini", [*small, "lora_rank=2", "optim.lr=0.01"])
    first = run(config)
    assert run(config).run == first.run
    assert first.run.after != first.run.before
