"""The batched sampler for one process: any ``transformers`` causal LM on CPU or one GPU.

Prompts are read once each and shared by their n samples, rows are ordered by prompt length,
finished rows leave the batch. Draws come from :mod:`shared.sampling.randomness`, by the inverse
of the cumulative distribution, so a draw depends on its key and the model alone. Different batch
shapes still round floats differently: that can flip a token only where the draw falls within
rounding (about 1e-6 of probability) of a boundary.
Several devices, paged caches and speculative decoding are left to vLLM.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from shared.problems import FinishReason, Response
from shared.sampling.compact import supports
from shared.sampling.interface import SamplingParams, encode_prompt
from shared.sampling.randomness import uniforms
from shared.sampling.steppers import CompactStepper, ModelStepper, Stepper, left_pad

_COMPACT_LIMIT = 50_000_000  # parameters; above it fused copies cost memory and gain nothing
_DROP_SHARE = 0.2  # finished rows leave the batch once they are this share of it


@dataclass(frozen=True, slots=True)
class _Row:
    """One sample to draw: sample ``sample`` of prompt ``prompt``."""

    prompt: int
    sample: int


@dataclass(slots=True)
class _Drawn:
    """Tokens and log-probs of one row."""

    tokens: list[int]
    logprobs: list[float]
    finish: FinishReason


class TorchSampler:
    """Samples with a model that lives in this process; reads its weights anew at each call.

    Args:
        model: a ``transformers`` causal LM; sampled from as it stands (also while being trained).
        tokenizer: its tokenizer.
        max_rows: rows stepped together.
        max_batch_tokens: bound on rows x (prompt + new tokens) of a chunk, i.e. on cache memory.
        progress: show a progress bar (on a terminal only).
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        max_rows: int = 512,
        max_batch_tokens: int = 1 << 20,
        progress: bool = True,
    ) -> None:
        if tokenizer is None:
            raise ValueError("the sampler needs a tokenizer: load the one that belongs to the model")
        self.model = model
        self.tokenizer = tokenizer
        self.max_rows = max_rows
        self.max_batch_tokens = max_batch_tokens
        self.progress = progress
        self._eos = eos_ids(model, tokenizer)
        self._compact = supports(model) and sum(p.numel() for p in model.parameters()) <= _COMPACT_LIMIT

    @torch.inference_mode()
    def sample(
        self, prompts: Sequence[str], params: SamplingParams, *, seed_keys: Sequence[Sequence[int]]
    ) -> list[list[Response]]:
        """See :class:`shared.sampling.Sampler`."""
        encoded = [encode_prompt(self.tokenizer, prompt) for prompt in prompts]
        self._check(encoded, params, seed_keys)
        was_training = self.model.training
        self.model.eval()
        drawn: dict[_Row, _Drawn] = {}
        chunks = list(self._chunks(encoded, params))
        terminal = Console(stderr=True)
        with Progress(
            console=terminal, transient=True, disable=not (self.progress and terminal.is_terminal)
        ) as bar:
            task = bar.add_task("sampling", total=len(prompts) * params.n)
            for rows in chunks:
                drawn.update(zip(rows, self._generate(rows, encoded, params, seed_keys), strict=True))
                bar.advance(task, len(rows))
        self.model.train(was_training)
        return [
            [self._response(drawn[_Row(i, j)], params) for j in range(params.n)] for i in range(len(prompts))
        ]

    def _check(
        self, encoded: list[list[int]], params: SamplingParams, seed_keys: Sequence[Sequence[int]]
    ) -> None:
        if len(seed_keys) != len(encoded) or any(len(keys) != params.n for keys in seed_keys):
            raise ValueError(f"seed_keys must hold n = {params.n} keys for each of {len(encoded)} prompts")
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        longest = max(map(len, encoded), default=0)
        if limit is not None and encoded and longest + params.max_new_tokens > limit:
            raise ValueError(
                f"a prompt of {longest} tokens plus max_new_tokens = {params.max_new_tokens} exceeds the "
                f"model's context of {limit}: shorten the prompt or lower max_new_tokens"
            )

    def _chunks(self, encoded: list[list[int]], params: SamplingParams) -> Iterator[list[_Row]]:
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
        chunk: list[_Row] = []
        for i in order:
            width = len(encoded[i]) + params.max_new_tokens
            room = max(1, min(self.max_rows, self.max_batch_tokens // width))
            for j in range(params.n):
                if len(chunk) >= room:
                    yield chunk
                    chunk = []
                chunk.append(_Row(i, j))
        if chunk:
            yield chunk

    def _generate(
        self,
        rows: list[_Row],
        encoded: list[list[int]],
        params: SamplingParams,
        seed_keys: Sequence[Sequence[int]],
    ) -> list[_Drawn]:
        device = self.model.device
        stepper: Stepper = CompactStepper(self.model) if self._compact else ModelStepper(self.model)
        used = list(dict.fromkeys(row.prompt for row in rows))
        place = {prompt: k for k, prompt in enumerate(used)}
        ids, mask = left_pad([encoded[i] for i in used], 0, device)
        logits = stepper.prefill(ids, mask, ids.shape[1] + params.max_new_tokens)
        index = torch.tensor([place[row.prompt] for row in rows], device=device)
        stepper.select(index)
        logits = logits[index]
        keys = np.array([seed_keys[row.prompt][row.sample] for row in rows], dtype=np.uint64)
        book = _Book(len(rows), params, self._eos, self.tokenizer, device)
        for position in range(params.max_new_tokens):
            tokens, logprobs = draw(logits, params, uniforms(keys, position))
            keep = book.record(position, tokens, logprobs)
            if book.finished or position + 1 == params.max_new_tokens:
                break
            if keep is not None:
                stepper.select(keep)
                tokens, keys = tokens[keep], keys[keep.cpu().numpy()]
            logits = stepper.step(tokens)
        return book.drawn()

    def _response(self, drawn: _Drawn, params: SamplingParams) -> Response:
        text = self.tokenizer.decode(drawn.tokens, skip_special_tokens=True)
        cut = [text.find(s) for s in params.stop if s in text]
        return Response(
            text=text[: min(cut)] if cut else text,
            token_ids=tuple(drawn.tokens),
            logprobs=tuple(drawn.logprobs),
            finish_reason=drawn.finish,
        )


class _Book:
    """Keeps what was drawn for each row of a chunk, and which rows are still in flight."""

    def __init__(
        self, n_rows: int, params: SamplingParams, eos: list[int], tokenizer: Any, device: torch.device
    ) -> None:
        self._tokens = torch.zeros((n_rows, params.max_new_tokens), dtype=torch.long, device=device)
        self._logprobs = torch.zeros((n_rows, params.max_new_tokens), dtype=torch.float32, device=device)
        self._lengths = torch.full((n_rows,), params.max_new_tokens, dtype=torch.long, device=device)
        self._stopped = torch.zeros(n_rows, dtype=torch.bool, device=device)
        self._flight = torch.arange(n_rows, device=device)  # batch row -> chunk row
        self._eos = torch.tensor(eos, dtype=torch.long, device=device)
        self._stop, self._tokenizer = params.stop, tokenizer

    @property
    def finished(self) -> bool:
        """Whether nothing is left in flight."""
        return self._alive == 0

    def record(self, position: int, tokens: Tensor, logprobs: Tensor) -> Tensor | None:
        """Note the tokens drawn at ``position``; the batch rows to go on with, or None for all."""
        self._tokens[self._flight, position] = tokens
        self._logprobs[self._flight, position] = logprobs
        ended = torch.isin(tokens, self._eos)
        if self._stop:
            ended = ended | self._hit_stop(position)
        fresh = self._flight[ended & ~self._stopped[self._flight]]
        self._stopped[fresh] = True
        self._lengths[fresh] = position + 1
        alive = ~self._stopped[self._flight]
        self._alive = int(alive.sum())
        if self._alive == 0 or len(alive) - self._alive <= _DROP_SHARE * len(alive):
            return None
        keep = alive.nonzero().squeeze(1)
        self._flight = self._flight[keep]
        return keep

    def drawn(self) -> list[_Drawn]:
        """What every row drew, in chunk order."""
        lengths, stopped = self._lengths.tolist(), self._stopped.tolist()
        tokens, logprobs = self._tokens.tolist(), self._logprobs.tolist()
        return [
            _Drawn(tokens[i][:n], logprobs[i][:n], FinishReason.STOP if stopped[i] else FinishReason.LENGTH)
            for i, n in enumerate(lengths)
        ]

    def _hit_stop(self, position: int) -> Tensor:
        # a stop string of k characters spans at most about 4 k byte-level tokens
        span = 4 * max(map(len, self._stop)) + 4
        tail = self._tokens[self._flight, max(0, position + 1 - span) : position + 1].tolist()
        texts = self._tokenizer.batch_decode(tail, skip_special_tokens=True)
        hit = [any(s in text for s in self._stop) for text in texts]
        return torch.tensor(hit, device=self._tokens.device)


def draw(logits: Tensor, params: SamplingParams, uniform: np.ndarray) -> tuple[Tensor, Tensor]:
    """Next tokens [R] and their log-probs [R] from logits [R, V] and one uniform number a row."""
    logits = logits.float()
    if params.temperature == 0:
        tokens = logits.argmax(dim=-1)
        return tokens, _gather(torch.log_softmax(logits, dim=-1), tokens)
    logprobs = torch.log_softmax(logits / params.temperature, dim=-1)
    probs = logprobs.exp()
    if params.top_p < 1:
        probs = nucleus(probs, params.top_p)
    cumulative = probs.cumsum(dim=-1, dtype=torch.float64)
    threshold = torch.from_numpy(uniform).to(logits.device)[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, threshold, right=True).squeeze(1).clamp_(max=logits.shape[1] - 1)
    return tokens, _gather(logprobs, tokens)


def nucleus(probs: Tensor, top_p: float) -> Tensor:
    """Zero all but the smallest set of tokens, most likely first, whose sum reaches ``top_p`` [R, V]."""
    ordered, order = probs.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1, dtype=torch.float64) - ordered
    ordered = ordered.masked_fill(before >= top_p, 0.0)
    return torch.zeros_like(probs).scatter_(-1, order, ordered)


def eos_ids(model: Any, tokenizer: Any) -> list[int]:
    """Ids that end a response: those of the model's generation config and of the tokenizer."""
    config = getattr(model, "generation_config", None)
    found = getattr(config, "eos_token_id", None)
    ids = {*found} if isinstance(found, (list, tuple)) else {found}
    ids.add(tokenizer.eos_token_id)
    return sorted(i for i in ids if i is not None)


def _gather(logprobs: Tensor, tokens: Tensor) -> Tensor:
    return logprobs.gather(-1, tokens[:, None]).squeeze(1)
