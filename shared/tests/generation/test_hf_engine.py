"""The local engine on a tiny random model: greedy equals transformers, batching changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from shared.generation import HFEngine, Prompt, Renderer, SamplingSettings, Unit, model_identity
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({c: i for i, c in enumerate([*alphabet, "<eos>"])}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>").save_pretrained(path)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=257, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        intermediate_size=64, max_position_embeddings=64, eos_token_id=256, bos_token_id=None,
        tie_word_embeddings=True, initializer_range=0.5,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(path)
    return path


def units(engine: HFEngine, n: int = 3) -> list[Unit]:
    renderer = Renderer(engine.tokenizer, chat="none")
    questions = ["what is 1+1?", "hm", "a longer question about nothing", "2*3=", "x"]
    prompts: list[Prompt] = [renderer.render("t", f"p{i}", q) for i, q in enumerate(questions)]
    return [Unit(p, tuple(range(n))) for p in prompts]


def texts(engine: HFEngine, work: list[Unit], settings: SamplingSettings) -> dict[tuple[str, int], str]:
    return {(d.problem_id, d.sample): d.text for draws in engine.generate(work, settings) for d in draws}


def test_greedy_equals_transformers_generate(folder: Path) -> None:
    engine = HFEngine(str(folder))
    found = texts(engine, units(engine, 1), SamplingSettings(temperature=0.0, max_new_tokens=12))
    for unit in units(engine, 1):
        ids = torch.tensor([unit.prompt.token_ids])
        out = engine.model.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=256)
        expected = engine.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        assert found[(unit.prompt.problem_id, 0)] == expected


def test_draws_do_not_depend_on_batch_order_or_blocks(folder: Path) -> None:
    settings = SamplingSettings(max_new_tokens=10, seed=3)
    engine = HFEngine(str(folder), rows=64)
    expected = texts(engine, units(engine), settings)
    small = HFEngine(str(folder), rows=2)
    singles = [Unit(u.prompt, (s,)) for u in reversed(units(small)) for s in reversed(u.samples)]
    assert texts(small, singles, settings) == expected
    assert len(set(expected.values())) > 10  # samples of one problem differ
    assert texts(engine, units(engine), SamplingSettings(max_new_tokens=10, seed=4)) != expected


def test_window_caps_the_response_and_says_so(folder: Path) -> None:
    engine = HFEngine(str(folder))
    draws = [
        d for batch in engine.generate(units(engine, 1), SamplingSettings(max_new_tokens=500)) for d in batch
    ]
    assert all(d.n_prompt_tokens + d.n_response_tokens <= 64 for d in draws)
    assert all(d.finish_reason == "length" for d in draws if d.n_prompt_tokens + d.n_response_tokens == 64)


def test_identity_follows_the_weights(folder: Path, tmp_path: Path) -> None:
    before = model_identity(str(folder))
    assert before == model_identity(str(folder))
    for file in folder.iterdir():
        data = bytearray(file.read_bytes())
        if file.suffix == ".safetensors":
            data[-1] ^= 1
        (tmp_path / file.name).write_bytes(bytes(data))
    assert model_identity(str(tmp_path))["sha"] != before["sha"]
    assert model_identity("org/name", "abc") == {"model": "org/name", "revision": "abc"}
    with pytest.raises(ValueError, match="holds no model"):
        (tmp_path / "empty").mkdir()
        model_identity(str(tmp_path / "empty"))
