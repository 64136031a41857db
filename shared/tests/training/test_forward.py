"""Response log-probs: the two ways to compute them agree with a plain forward pass, in value and gradient."""

import random

import pytest
import torch
from shared.training import PolicyForward
from shared.training.batching import Row, micro_batches
from tiny_policy import tiny_model

KINDS = ["qwen2", "qwen3", "llama", "gpt2", "qwen2_window"]


def rows(seed: int = 0, groups: int = 5, n: int = 4) -> list[Row]:
    """Groups of responses of mixed lengths over shared prompts of mixed lengths."""
    rng = random.Random(seed)
    out = []
    for group in range(groups):
        prompt = tuple(rng.randrange(4, 21) for _ in range(rng.randint(1, 9)))
        out += [
            Row(prompt, tuple(rng.randrange(21) for _ in range(rng.randint(1, 12))), group) for _ in range(n)
        ]
    return out


def _plain(model: torch.nn.Module, row: Row, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    logits = model(torch.tensor([[*row.prompt, *row.response]])).logits[0, len(row.prompt) - 1 : -1]
    full = torch.log_softmax(logits.double() / temperature, dim=-1)
    picked = full[range(len(row.response)), list(row.response)]
    return picked, -(full.exp() * full).sum(-1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compact", [True, False])
def test_logprobs_entropies_and_gradients_equal_a_plain_forward(kind: str, compact: bool) -> None:
    model = tiny_model(kind, spread=2.5)
    batch = rows()
    forward = PolicyForward(model, compact=compact)
    assert forward.shares_prompts == (compact and kind in KINDS[:3])
    weight = {id(r): (0.3 + i % 5) for i, r in enumerate(batch)}

    expected = sum(
        weight[id(r)] * (lp.sum() + 0.1 * h.sum()) for r in batch for lp, h in [_plain(model, r, 0.8)]
    )
    expected.backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()

    count = 0
    for micro in micro_batches(batch, 120, torch.device("cpu"), share_prompts=forward.shares_prompts):
        logprobs, entropy = forward(micro, 0.8, entropy=True)
        for i, row in enumerate(micro.rows):
            lp, h = _plain(model, row, 0.8)
            length = len(row.response)
            torch.testing.assert_close(logprobs[i, :length].double(), lp, atol=2e-5, rtol=1e-4)
            torch.testing.assert_close(entropy[i, :length].double(), h, atol=2e-5, rtol=1e-4)
            assert not logprobs[i, length:].any() and not entropy[i, length:].any()
        scale = torch.tensor([weight[id(r)] for r in micro.rows])[:, None]
        (scale * (logprobs + 0.1 * entropy)).sum().backward()
        count += 1
    assert count > 2  # padding and the cut into micro-batches were both exercised
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[name], atol=2e-3, rtol=1e-3, msg=name)


def test_responses_of_one_token_need_the_prompt_only() -> None:
    model = tiny_model()
    batch = [Row((4, 5, 6), (7,)), Row((4, 5), (8,))]
    [micro] = micro_batches(batch, 100, torch.device("cpu"), share_prompts=True)
    logprobs, _ = PolicyForward(model)(micro, 1.0)
    expected = [_plain(model, row, 1.0)[0].item() for row in micro.rows]
    assert logprobs.flatten().tolist() == pytest.approx(expected, abs=1e-5)


def test_autocast_and_gradient_checkpointing_stay_close() -> None:
    model = tiny_model("llama", spread=1.5)
    [micro] = micro_batches(rows(), 10_000, torch.device("cpu"), share_prompts=False)
    exact, _ = PolicyForward(model)(micro, 1.0)
    half, _ = PolicyForward(model, autocast=True)(micro, 1.0)
    assert half.dtype == torch.float32 and 0 < (half - exact).abs().max() < 0.1
    exact.sum().backward()
    wanted = model.model.layers[0].mlp.up_proj.weight.grad.clone()
    model.zero_grad()
    model.train().gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    checkpointed = PolicyForward(model)
    assert not checkpointed.shares_prompts
    checkpointed(micro, 1.0)[0].sum().backward()
    torch.testing.assert_close(model.model.layers[0].mlp.up_proj.weight.grad, wanted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("share", [True, False])
def test_micro_batches_keep_every_row_once_and_stay_within_the_limit(share: bool) -> None:
    batch = rows(seed=3, groups=12)
    seen = []
    for micro in micro_batches(batch, 60, torch.device("cpu"), share_prompts=share):
        seen += micro.rows
        prompts = len(micro.prompts) if share else len(micro.rows)
        padded = prompts * max(map(len, micro.prompts)) + micro.responses.numel()
        assert padded <= 60 or len(micro.rows) == 1
        for i, row in enumerate(micro.rows):
            assert micro.prompts[micro.prompt_of[i]] is row.prompt
            assert micro.responses[i, : len(row.response)].tolist() == list(row.response)
            assert micro.mask[i].sum() == len(row.response)
    assert sorted(map(id, seen)) == sorted(map(id, batch))
