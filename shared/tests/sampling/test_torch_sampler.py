"""The sampler against Hugging Face generate, against exact distributions, and against itself re-cut."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from shared.problems import FinishReason, Response
from shared.sampling import (
    Sampler,
    SamplingParams,
    TorchSampler,
    draw,
    encode_prompt,
    nucleus,
    sample_keys,
    supports,
)
from tiny_policy import VOCAB, tiny_model, tiny_tokenizer

PROMPTS = ["1+2=?", "7*3-4+1*9=?", "5-5=?", "2", "9+9*9-9*9+9-1*8=?"]
COMPACT = ["qwen2", "qwen3", "llama"]
KINDS = [*COMPACT, "gpt2", "qwen2_window"]


def _keys(prompts: list[str], n: int, seed: int = 0) -> list[list[int]]:
    return sample_keys(seed, 0, [f"{i}:{p}" for i, p in enumerate(prompts)], n)


def _sampler(model: torch.nn.Module, **settings: int) -> TorchSampler:
    return TorchSampler(model, tiny_tokenizer(), progress=False, **settings)


def _tokens(responses: list[list[Response]]) -> list[list[tuple[int, ...]]]:
    return [[r.token_ids for r in row] for row in responses]


def test_compact_covers_what_it_says() -> None:
    assert [supports(tiny_model(kind)) for kind in KINDS] == [True, True, True, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_equals_hugging_face_token_for_token(kind: str) -> None:
    model, tokenizer = tiny_model(kind), tiny_tokenizer()
    params = SamplingParams(temperature=0.0, max_new_tokens=24)
    ours = _sampler(model).sample(PROMPTS, params, seed_keys=_keys(PROMPTS, 1))
    ends = set()
    for prompt, [response] in zip(PROMPTS, ours, strict=True):
        ids = torch.tensor([encode_prompt(tokenizer, prompt)])
        out = model.generate(ids, do_sample=False, max_new_tokens=24, attention_mask=torch.ones_like(ids))
        assert tuple(out[0, ids.shape[1] :].tolist()) == response.token_ids
        ends.add(response.finish_reason)
        assert (response.finish_reason is FinishReason.STOP) == (response.token_ids[-1] == 2)
    assert ends  # every response says how it ended


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_of_a_plain_forward_pass(kind: str, temperature: float) -> None:
    model, tokenizer = tiny_model(kind), tiny_tokenizer()
    params = SamplingParams(n=3, temperature=temperature, max_new_tokens=20)
    for prompt, row in zip(
        PROMPTS, _sampler(model).sample(PROMPTS, params, seed_keys=_keys(PROMPTS, 3)), strict=True
    ):
        for response in row:
            prefix = encode_prompt(tokenizer, prompt)
            ids = torch.tensor([[*prefix, *response.token_ids]])
            with torch.no_grad():
                logits = model(ids).logits[0, len(prefix) - 1 : -1] / temperature
            expected = torch.log_softmax(logits, -1)[range(len(response.token_ids)), list(response.token_ids)]
            torch.testing.assert_close(torch.tensor(response.logprobs), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["qwen2", "gpt2"])
def test_batching_chunking_and_sharding_leave_the_draws_alone(kind: str) -> None:
    model = tiny_model(kind)
    params = SamplingParams(n=8, max_new_tokens=24)
    keys = _keys(PROMPTS, 8)
    whole = _tokens(_sampler(model).sample(PROMPTS, params, seed_keys=keys))
    assert len({len(t) for row in whole for t in row}) > 3  # rows do leave the batch at different times
    for settings in ({"max_rows": 1}, {"max_rows": 7}, {"max_batch_tokens": 100}):
        assert _tokens(_sampler(model, **settings).sample(PROMPTS, params, seed_keys=keys)) == whole
    shards = [_sampler(model).sample(PROMPTS[k::2], params, seed_keys=keys[k::2]) for k in (0, 1)]
    assert [_tokens(s) for s in shards] == [whole[0::2], whole[1::2]]
    backwards = _sampler(model).sample(PROMPTS[::-1], params, seed_keys=keys[::-1])
    assert _tokens(backwards)[::-1] == whole
    other = _tokens(_sampler(model).sample(PROMPTS, params, seed_keys=_keys(PROMPTS, 8, seed=1)))
    assert other != whole


def test_compact_and_model_forward_draw_the_same() -> None:
    model = tiny_model()
    params = SamplingParams(n=16, max_new_tokens=24)
    plain = _sampler(model)
    plain._compact = False
    keys = _keys(PROMPTS, 16)
    assert _tokens(plain.sample(PROMPTS, params, seed_keys=keys)) == _tokens(
        _sampler(model).sample(PROMPTS, params, seed_keys=keys)
    )


@pytest.mark.parametrize("temperature,top_p", [(1.0, 1.0), (0.6, 1.0), (1.3, 0.8)])
def test_two_token_responses_follow_the_exact_distribution(temperature: float, top_p: float) -> None:
    model, tokenizer = tiny_model(spread=2.5), tiny_tokenizer()
    n = 4000
    params = SamplingParams(n=n, temperature=temperature, top_p=top_p, max_new_tokens=2)
    [row] = _sampler(model, max_rows=1000).sample(["3+4=?"], params, seed_keys=_keys(["3+4=?"], n))
    counts: dict[tuple[int, ...], int] = {}
    for response in row:
        counts[response.token_ids] = counts.get(response.token_ids, 0) + 1
    expected = _two_token_distribution(model, encode_prompt(tokenizer, "3+4=?"), temperature, top_p)
    assert set(counts) <= set(expected)  # nothing outside the nucleus
    frequent = [key for key, p in expected.items() if p * n >= 5]
    rest = n - sum(counts.get(k, 0) for k in frequent)
    rest_p = 1 - sum(expected[k] for k in frequent)
    observed = [counts.get(k, 0) for k in frequent] + ([rest] if rest_p * n >= 1 else [])
    wanted = np.array([expected[k] for k in frequent] + ([rest_p] if rest_p * n >= 1 else []))
    wanted = wanted / wanted.sum() * sum(observed)
    assert stats.chisquare(observed, wanted).pvalue > 1e-3


def _two_token_distribution(
    model: torch.nn.Module, prefix: list[int], temperature: float, top_p: float
) -> dict[tuple[int, ...], float]:
    def following(ids: list[int]) -> list[float]:
        with torch.no_grad():
            probs = torch.softmax(model(torch.tensor([ids])).logits[0, -1] / temperature, -1).tolist()
        kept, total = [0.0] * len(probs), 0.0
        for token in sorted(range(len(probs)), key=lambda t: -probs[t]):
            if total >= top_p:
                break
            kept[token], total = probs[token], total + probs[token]
        return [p / sum(kept) for p in kept]

    out: dict[tuple[int, ...], float] = {}
    for token, p in enumerate(following(prefix)):
        if p == 0:
            continue
        if token == 2:
            out[(token,)] = p
            continue
        out |= {(token, t): p * q for t, q in enumerate(following([*prefix, token])) if q > 0}
    return out


def test_draw_inverts_the_cumulative_distribution_exactly() -> None:
    probs = torch.tensor([[0.0, 0.25, 0.0, 0.5, 0.25, 0.0]])
    params = SamplingParams()
    for u, token in [(0.0, 1), (0.2499, 1), (0.2501, 3), (0.7499, 3), (0.7501, 4), (1 - 2**-53, 4)]:
        tokens, logprobs = draw(probs.log(), params, np.array([u]))
        assert tokens.item() == token  # never one of probability zero, not even at the ends
        assert logprobs.item() == pytest.approx(float(probs[0, token].log()), abs=1e-6)


def test_nucleus_keeps_the_smallest_sufficient_set() -> None:
    probs = torch.tensor([[0.1, 0.4, 0.3, 0.2]])
    for top_p, kept in [(0.3, {1}), (0.5, {1, 2}), (0.85, {1, 2, 3}), (1.0, {0, 1, 2, 3})]:
        assert set(nucleus(probs, top_p)[0].nonzero().flatten().tolist()) == kept


def test_stop_strings_end_a_response_and_are_cut_from_its_text() -> None:
    model = tiny_model()
    keys = _keys(PROMPTS, 8)
    free = _sampler(model).sample(PROMPTS, SamplingParams(n=8, max_new_tokens=24), seed_keys=keys)
    stop = ("=", "+1")
    stopped = _sampler(model).sample(
        PROMPTS, SamplingParams(n=8, max_new_tokens=24, stop=stop), seed_keys=keys
    )
    hits = 0
    for before, after in zip(itertools.chain(*free), itertools.chain(*stopped), strict=True):
        assert before.token_ids[: len(after.token_ids)] == after.token_ids
        found = [before.text.find(s) for s in stop if s in before.text]
        assert after.text == (before.text[: min(found)] if found else before.text)
        if found:
            hits += 1
            assert after.finish_reason is FinishReason.STOP
            spelled = tiny_tokenizer().decode(after.token_ids, skip_special_tokens=True)
            assert any(spelled.endswith(s) for s in stop) and not any(s in spelled[:-1] for s in ("=", "+1"))
    assert hits > 5


def test_text_is_the_decoded_response_without_special_tokens() -> None:
    params = SamplingParams(n=8, max_new_tokens=24)
    rows = _sampler(tiny_model()).sample(PROMPTS, params, seed_keys=_keys(PROMPTS, 8))
    for response in itertools.chain(*rows):
        assert response.text == "".join(VOCAB[t] for t in response.token_ids if t > 3)


def test_the_training_mode_of_the_model_is_restored() -> None:
    model = tiny_model("gpt2").train()  # has dropout: sampling in training mode would be noisy
    params = SamplingParams(temperature=0.0, max_new_tokens=8)
    noisy = _sampler(model).sample(PROMPTS, params, seed_keys=_keys(PROMPTS, 1))
    assert model.training
    assert _tokens(noisy) == _tokens(
        _sampler(model.eval()).sample(PROMPTS, params, seed_keys=_keys(PROMPTS, 1))
    )


def test_chat_template_is_used_when_there_is_one() -> None:
    tokenizer = tiny_tokenizer()
    plain = encode_prompt(tokenizer, "1+1=?")
    assert plain[0] == 1 and len(plain) == 6
    tokenizer.chat_template = (
        "{% for m in messages %};{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}={% endif %}"
    )
    assert encode_prompt(tokenizer, "1+1=?") == tokenizer(";1+1=?=", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    "change,message",
    [
        ({"n": 0}, "at least one sample"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"stop": "="}, "give a tuple"),
    ],
)
def test_bad_settings_get_one_sentence(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SamplingParams(**change)


def test_bad_calls_get_one_sentence() -> None:
    sampler: Sampler = _sampler(tiny_model())
    with pytest.raises(ValueError, match="seed_keys must hold n = 2 keys"):
        sampler.sample(["1"], SamplingParams(n=2), seed_keys=[[1]])
    with pytest.raises(ValueError, match="exceeds the model's context of 128"):
        sampler.sample(["1"], SamplingParams(max_new_tokens=127), seed_keys=[[1]])
    with pytest.raises(ValueError, match="needs a tokenizer"):
        TorchSampler(tiny_model(), None)
    assert sampler.sample([], SamplingParams(), seed_keys=[]) == []
