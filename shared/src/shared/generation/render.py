"""From chat turns to the exact tokens a model is shown: template, system turn, BOS, few-shot fit.

Nothing here is guessed at generation time: the choices are fields of a ``Renderer``, they are
described for the fingerprint, and the rendered text is stored by its hash. What the turns say
(instructions, examples) is the caller's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from shared.generation.requests import Message, Prompt

CHAT = ("auto", "model", "none")
BOS = ("auto", "always", "never")
_TODAY = date(2024, 7, 26)
"""What templates that print today's date print (Llama's own fallback): prompts must not change overnight."""


class Renderer:
    """Turns messages into a :class:`Prompt`.

    Args:
        tokenizer: of the model, or ``None`` when only a server has it: prompts then hold messages,
            to be rendered by the server's template, or (``chat='none'``) plain text.
        chat: ``model`` uses the tokenizer's chat template and fails without one, ``none`` joins the
            turns as plain text (base models), ``auto`` takes ``model`` where there is a template;
            anything else is the path of a Jinja template file.
        bos: whether the ids start with the BOS token: ``auto`` as the tokenizer itself does it (with
            a template: as the template says). It is never there twice.
    """

    def __init__(self, tokenizer: Any | None, *, chat: str = "auto", bos: str = "auto") -> None:
        if bos not in BOS:
            raise ValueError(f"bos is {bos!r}: choose one of {', '.join(BOS)}")
        self.tokenizer = tokenizer
        self.bos = bos
        self.template: str | None = None
        if tokenizer is None and (bos != "auto" or chat not in CHAT):
            raise ValueError(
                f"chat={chat!r}, bos={bos!r} need a tokenizer: name one, or leave both to the server"
            )
        if tokenizer is None:
            self.chat = "none" if chat == "none" else "server"
        else:
            self.chat, self.template = _resolve_template(tokenizer, chat)

    def describe(self) -> dict[str, Any]:
        """What determines the rendering, for the fingerprint and the run's record."""
        template = None if self.template is None else hashlib.sha256(self.template.encode()).hexdigest()[:16]
        vocabulary = None if self.tokenizer is None else len(self.tokenizer)
        return {"chat": self.chat, "bos": self.bos, "template_sha": template, "vocabulary": vocabulary}

    def render(
        self,
        task: str,
        problem_id: str,
        question: str,
        *,
        system: str | None = None,
        shots: Sequence[tuple[str, str]] = (),
        max_tokens: int | None = None,
    ) -> Prompt:
        """The prompt of one question after as many of its (question, answer) examples as fit.

        Examples are dropped one at a time from the end until the prompt has at most ``max_tokens``
        tokens; a prompt that is too long without any example is returned as it is, to be reported.
        """
        for kept in range(len(shots), -1, -1):
            messages = _turns(question, system, shots[:kept])
            text, ids = self._encode(messages)
            if max_tokens is None or ids is None or len(ids) <= max_tokens:
                break
        return Prompt(
            task=task,
            problem_id=problem_id,
            messages=tuple(messages),
            text=text,
            token_ids=ids,
            dropped_shots=len(shots) - kept,
        )

    def _encode(self, messages: list[Message]) -> tuple[str | None, tuple[int, ...] | None]:
        plain = "".join(turn["content"] for turn in messages)
        if self.tokenizer is None:
            return (plain if self.chat == "none" else None), None
        if self.chat == "none":
            text = plain
        else:
            text = self.tokenizer.apply_chat_template(
                messages,
                chat_template=self.template,
                tokenize=False,
                add_generation_prompt=True,
                strftime_now=_TODAY.strftime,
            )
        ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        begin = self.tokenizer.bos_token_id
        if begin is None and self.bos == "always":
            raise ValueError("bos='always', but this tokenizer has no BOS token")
        has_bos = bool(ids) and ids[0] == begin
        if self._wants_bos(text) and not has_bos:
            ids = [begin, *ids]
        elif self.bos == "never" and has_bos:
            ids = ids[1:]
        return text, tuple(ids)

    def _wants_bos(self, text: str) -> bool:
        if self.bos != "auto":
            return self.bos == "always"
        if self.chat != "none":
            return False  # the template wrote it, or did not mean it
        own = self.tokenizer(text)["input_ids"]  # type: ignore[misc]
        begin = self.tokenizer.bos_token_id  # type: ignore[union-attr]
        return begin is not None and own[:1] == [begin]


def _resolve_template(tokenizer: Any, chat: str) -> tuple[str, str | None]:
    own = getattr(tokenizer, "chat_template", None)
    if chat == "auto":
        chat = "model" if own else "none"
    if chat == "none":
        return "none", None
    if chat == "model":
        if not own:
            raise ValueError(
                "chat='model', but this tokenizer has no chat template: use chat='none' or a file"
            )
        return "model", own
    path = Path(chat)
    if not path.is_file():
        raise ValueError(f"chat={chat!r} is neither {', '.join(CHAT)} nor the path of a template file")
    return path.name, path.read_text(encoding="utf-8")


def _turns(question: str, system: str | None, shots: Sequence[tuple[str, str]]) -> list[Message]:
    turns: list[Message] = []
    if system:
        turns.append({"role": "system", "content": system})
    for asked, answered in shots:
        turns.append({"role": "user", "content": asked})
        turns.append({"role": "assistant", "content": answered})
    turns.append({"role": "user", "content": question})
    return turns
