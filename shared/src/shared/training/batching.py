"""Rows of a batch, and how they are cut into micro-batches with little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(slots=True)
class Row:
    """One (prompt, response) pair to train on.

    Attributes:
        prompt: prompt token ids.
        response: response token ids, never empty.
        group: number of its group in the batch.
        advantage: the same for every token of the response.
        old_logprobs: [len(response)] under the policy before the update, where needed.
        ref_logprobs: [len(response)] under the reference model, where needed.
    """

    prompt: Sequence[int]
    response: Sequence[int]
    group: int = 0
    advantage: float = 0.0
    old_logprobs: Tensor | None = None
    ref_logprobs: Tensor | None = None


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """B rows over P distinct prompts.

    Attributes:
        rows: the rows, in tensor order.
        prompts: the distinct prompts.
        prompt_of: [B] index of each row's prompt.
        responses: [B, T] response ids, padded on the right with 0.
        mask: [B, T] 1.0 on response tokens.
    """

    rows: list[Row]
    prompts: list[Sequence[int]]
    prompt_of: Tensor
    responses: Tensor
    mask: Tensor

    def padded(self, values: Sequence[Tensor | None]) -> Tensor:
        """Per-row vectors as one [B, T] tensor, zero on padding."""
        out = torch.zeros_like(self.mask)
        for i, value in enumerate(values):
            if value is None:
                raise ValueError("a row lacks the log-probabilities that the loss reads")
            out[i, : len(value)] = value
        return out


def micro_batches(
    rows: Sequence[Row], max_tokens: int, device: torch.device, *, share_prompts: bool
) -> Iterator[MicroBatch]:
    """Cut rows into micro-batches of at most ``max_tokens`` padded tokens, one row at least.

    Rows are ordered by length. With ``share_prompts`` a prompt is counted once for all its rows
    in the micro-batch and prompts of equal length stay together; otherwise once for every row.
    """
    if share_prompts:
        ordered = sorted(rows, key=lambda r: (len(r.prompt), len(r.response), r.group))
    else:
        ordered = sorted(rows, key=lambda r: (len(r.response), len(r.prompt), r.group))
    batch: list[Row] = []
    for row in ordered:
        if batch and _padded_tokens([*batch, row], share_prompts) > max_tokens:
            yield _assemble(batch, device)
            batch = []
        batch.append(row)
    if batch:
        yield _assemble(batch, device)


def _padded_tokens(rows: list[Row], share_prompts: bool) -> int:
    prompts = len({id(r.prompt) for r in rows}) if share_prompts else len(rows)
    width, length = max(len(r.prompt) for r in rows), max(len(r.response) for r in rows)
    return prompts * width + len(rows) * length


def _assemble(rows: list[Row], device: torch.device) -> MicroBatch:
    place: dict[int, int] = {}
    prompts: list[Sequence[int]] = []
    for row in rows:
        if id(row.prompt) not in place:
            place[id(row.prompt)] = len(prompts)
            prompts.append(row.prompt)
    lengths = torch.tensor([len(r.response) for r in rows])
    width = int(lengths.max())
    responses = torch.tensor([[*r.response, *([0] * (width - len(r.response)))] for r in rows])
    mask = (torch.arange(width) < lengths[:, None]).float()
    index = torch.tensor([place[id(r.prompt)] for r in rows])
    return MicroBatch(rows, prompts, index.to(device), responses.to(device), mask.to(device))
