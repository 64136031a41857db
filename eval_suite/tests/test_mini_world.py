"""A model of a mini experiment takes the same exam by the same commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from eval_suite.cli import main
from shared.data.worlds import Arithmetic, make_tokenizer
from shared.generation import Renderer
from shared.sampling import encode_prompt
from transformers import Qwen2Config, Qwen2ForCausalLM


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A random model of the mini shape, saved as the mini runs save theirs."""
    tokenizer = make_tokenizer(Arithmetic(modulus=10).vocabulary)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, intermediate_size=96, max_position_embeddings=128, tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_mini_model_takes_the_exam(model: Path, tmp_path: Path) -> None:
    exam = tmp_path / "exam"
    arguments = ["--modulus", "10", "--levels", "2", "3", "--problems", "12", "--n", "4"]
    assert main(["world", str(exam), *arguments]) == 0
    name = "arithmetic-mod10-levels-2-3"
    common = ["--registry", str(exam), "--data-dir", str(exam / "data"), "--out", str(tmp_path / "o")]
    assert main(["run", "--suite", name, "--model", str(model), *common]) == 0
    body = json.loads((tmp_path / "o" / "report" / "default" / "metrics.json").read_text())
    (task,) = body["tasks"]
    assert task["complete"]
    assert body["aggregate"]["mean"] is not None
    assert set(task["categories"]) == {"level 2", "level 3"}
    assert (task["n_problems"], task["n"]) == (12, 4)
    assert task["description"]["sampling"]["max_new_tokens"] == Arithmetic(modulus=10).max_new_tokens(3)


def test_exam_and_training_show_the_model_the_same_tokens() -> None:
    world = Arithmetic(modulus=10)
    tokenizer = make_tokenizer(world.vocabulary)
    prompt = world.problem(3, 0, 0).prompt
    rendered = Renderer(tokenizer, chat="none").render("t", "p", prompt)
    assert list(rendered.token_ids or ()) == encode_prompt(tokenizer, prompt)


def test_a_folder_that_is_no_registry_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--registry", str(tmp_path)]) == 2
    assert "not a registry" in capsys.readouterr().err
