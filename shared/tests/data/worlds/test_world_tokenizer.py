"""The tokenizer: one word a token, exact round trips, an ordinary folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared.data.worlds import Arithmetic, make_tokenizer
from shared.sampling import encode_prompt
from transformers import AutoTokenizer


@pytest.mark.parametrize("modulus", [10, 30, 100])
def test_round_trip_without_spaces_and_after_saving(modulus: int, tmp_path: Path) -> None:
    world = Arithmetic(modulus)
    make_tokenizer(world.vocabulary).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == len(world.vocabulary) + 3
    for index in range(50):
        problem = world.problem(6, 0, index)
        ids = encode_prompt(tokenizer, problem.prompt)
        assert ids[0] == tokenizer.bos_token_id and len(ids) == 1 + 13 + 2
        assert tokenizer.decode(ids, skip_special_tokens=True) == problem.prompt
        trace = world.trace(problem)
        answer = tokenizer(trace, add_special_tokens=False)["input_ids"]
        assert len(answer) == 1 + 4 * 6 + 3 < world.max_new_tokens(6)
        assert tokenizer.decode([*answer, tokenizer.eos_token_id], skip_special_tokens=True) == trace


def test_every_word_is_one_token_and_padding_is_on_the_left() -> None:
    world = Arithmetic(30)
    tokenizer = make_tokenizer(world.vocabulary)
    assert [tokenizer.decode([i]) for i in range(len(tokenizer))] == [
        "<pad>",
        "<bos>",
        "<eos>",
        *world.vocabulary,
    ]
    batch = tokenizer(["1+1=?", "29+1*3=?"], padding=True)["input_ids"]
    assert batch[0][:2] == [tokenizer.pad_token_id] * 2
    assert tokenizer.decode(batch[1]) == "<bos>29+1*3=?"


def test_foreign_text_is_an_error_and_so_is_a_bad_vocabulary() -> None:
    tokenizer = make_tokenizer(Arithmetic(10).vocabulary)
    with pytest.raises(Exception, match="UNK"):
        tokenizer("1+x=?")
    with pytest.raises(ValueError, match="repeats a word"):
        make_tokenizer(["a", "a"])
