"""A word-level tokenizer for a world, as an ordinary Hugging Face fast tokenizer.

It puts ``<bos>`` in front, decodes without spaces, and is saved with the model, so that a base made
from a world is a model folder like any other. There is no unknown token: text outside the language
of the world is an error, not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Regex, Tokenizer
from tokenizers.decoders import Fuse
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"


def make_tokenizer(vocabulary: Sequence[str]) -> PreTrainedTokenizerFast:
    """The tokenizer of a language whose words are ``vocabulary``; longer words match first.

    Raises:
        ValueError: a word occurs twice or is a special token.
    """
    words = [PAD, BOS, EOS, *vocabulary]
    if len(set(words)) != len(words) or "" in words:
        raise ValueError("the vocabulary repeats a word, or holds an empty word or a special token")
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}))
    pattern = "|".join(re.escape(w) for w in sorted(vocabulary, key=len, reverse=True))
    core.pre_tokenizer = Split(Regex(pattern), behavior="isolated")
    core.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, words.index(BOS))])
    core.decoder = Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
