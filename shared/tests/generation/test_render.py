"""Rendering: template, plain text, one BOS, examples that fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared.generation import Renderer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
WORDS = ["<bos>", "<unk>", "<user>", "<assistant>", "<system>", "q", "a", "be", "good"]


def tokenizer(template: str | None = None, adds_bos: bool = True) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if adds_bos:
        inner.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    made = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", unk_token="<unk>")
    made.chat_template = template
    return made


def words(ids: tuple[int, ...] | None) -> list[str]:
    assert ids is not None
    return [WORDS[i] for i in ids]


def test_template_writes_bos_once() -> None:
    prompt = Renderer(tokenizer(TEMPLATE)).render("t", "p", "q", system="be good")
    assert words(prompt.token_ids) == ["<bos>", "<system>", "be", "good", "<user>", "q", "<assistant>"]
    never = Renderer(tokenizer(TEMPLATE), bos="never").render("t", "p", "q")
    assert words(never.token_ids)[0] == "<user>"
    always = Renderer(tokenizer(TEMPLATE), bos="always").render("t", "p", "q")
    assert words(always.token_ids).count("<bos>") == 1


@pytest.mark.parametrize(
    ("adds", "bos", "expected"),
    [(True, "auto", True), (False, "auto", False), (False, "always", True), (True, "never", False)],
)
def test_plain_text_bos_is_explicit(adds: bool, bos: str, expected: bool) -> None:
    prompt = Renderer(tokenizer(adds_bos=adds), bos=bos).render("t", "p", "q a")
    assert (words(prompt.token_ids)[0] == "<bos>") is expected
    assert prompt.text == "q a"


def test_examples_are_dropped_until_the_prompt_fits_and_counted() -> None:
    renderer = Renderer(tokenizer(), chat="none")
    shots = [("q ", "a ")] * 5
    full = renderer.render("t", "p", "q", shots=shots, max_tokens=100)
    assert (len(full.token_ids or ()), full.dropped_shots) == (12, 0)
    fitted = renderer.render("t", "p", "q", shots=shots, max_tokens=7)
    assert (len(fitted.token_ids or ()), fitted.dropped_shots) == (6, 3)
    hopeless = renderer.render("t", "p", "q", shots=shots, max_tokens=1)
    assert (len(hopeless.token_ids or ()), hopeless.dropped_shots) == (2, 5)


def test_without_tokenizer_the_turns_or_the_plain_text_remain() -> None:
    server = Renderer(None).render("t", "p", "q", shots=[("q", "a")], system="be")
    assert [turn["role"] for turn in server.messages] == ["system", "user", "assistant", "user"]
    assert server.text is None
    assert server.token_ids is None
    plain = Renderer(None, chat="none").render("t", "p", "q", system="be ")
    assert plain.text == "be q"
    with pytest.raises(ValueError, match="need a tokenizer"):
        Renderer(None, bos="always")


def test_templates_that_print_the_date_give_the_same_prompt_every_day() -> None:
    dated = tokenizer("{{ strftime_now('%d %b %Y') }} {{ messages[-1]['content'] }}")
    assert Renderer(dated).render("t", "p", "q").text == "26 Jul 2024 q"


def test_choices_of_template_are_explicit_and_described(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no chat template"):
        Renderer(tokenizer(), chat="model")
    with pytest.raises(ValueError, match="neither"):
        Renderer(tokenizer(), chat="nowhere.jinja")
    file = tmp_path / "mine.jinja"
    file.write_text("<user> {{ messages[-1]['content'] }}")
    mine = Renderer(tokenizer(TEMPLATE), chat=str(file))
    assert mine.render("t", "p", "q").text == "<user> q"
    assert mine.describe()["template_sha"] != Renderer(tokenizer(TEMPLATE)).describe()["template_sha"]
    assert Renderer(tokenizer()).describe()["chat"] == "none"


def test_sha_follows_what_the_model_is_shown() -> None:
    one = Renderer(tokenizer(TEMPLATE)).render("t", "p", "q")
    assert one.sha == Renderer(tokenizer(TEMPLATE)).render("t2", "p2", "q").sha
    assert one.sha != Renderer(tokenizer(TEMPLATE)).render("t", "p", "a").sha
    assert one.sha != Renderer(tokenizer(TEMPLATE), bos="never").render("t", "p", "q").sha
