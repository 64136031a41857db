"""What a sampler is: prompts and one seed key per sample in, responses out.

Every engine (the torch sampler here, a vLLM adapter elsewhere) answers to :class:`Sampler`.
Prompt formatting is here too, so that training and sampling see the same prompt tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.problems import Response


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to continue a prompt.

    Attributes:
        n: responses per prompt.
        temperature: divides the logits; 0 is greedy decoding.
        top_p: nucleus: the smallest set of tokens whose probability reaches ``top_p`` is sampled
            from. Recorded log-probs are those of the full distribution at ``temperature``
            (at 1 when greedy), i.e. before this truncation.
        max_new_tokens: limit on generated tokens, the end-of-sequence token included.
        stop: strings that end a response; the text is cut before the first of them, the token
            ids keep the tokens that spelled it.
    """

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n is {self.n}: ask for at least one sample per prompt")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"temperature is {self.temperature}: it must be a finite number >= 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}: it must be in (0, 1]")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {self.max_new_tokens}: it must be at least 1")
        if isinstance(self.stop, str) or any(not s for s in self.stop):
            raise ValueError(f"stop is {self.stop!r}: give a tuple of non-empty strings")


class Sampler(Protocol):
    """Continues prompts."""

    def sample(
        self, prompts: Sequence[str], params: SamplingParams, *, seed_keys: Sequence[Sequence[int]]
    ) -> list[list[Response]]:
        """``params.n`` responses for each prompt, in order.

        ``seed_keys[i][j]`` alone (see :func:`shared.sampling.seed_key`) decides the random draws
        of sample j of prompt i, whatever else is sampled with it.
        """
        ...


def encode_prompt(tokenizer: Any, prompt: str) -> list[int]:
    """Token ids of one prompt, as the sampler and the trainer both see it.

    With a chat template: one user message and the generation prompt. Without: the plain text,
    with whatever special tokens the tokenizer itself adds (normally the bos token).
    """
    if getattr(tokenizer, "chat_template", None):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    else:
        ids = tokenizer(prompt)["input_ids"]
    if not ids:
        raise ValueError("a prompt encodes to no tokens: give it some text or a tokenizer that adds bos")
    return list(ids)
