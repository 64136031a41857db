"""The two ways to run a model token by token with a preallocated key-value cache.

A stepper holds the cache of one chunk of rows: ``prefill`` reads left-padded prompts, ``select``
picks (and repeats) rows, ``step`` reads one more token per row. :class:`CompactStepper` is for
small plain decoders, :class:`ModelStepper` for any ``transformers`` causal LM.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from shared.sampling.compact import CompactDecoder


class Stepper(Protocol):
    """One chunk of rows in flight."""

    def prefill(self, ids: Tensor, mask: Tensor, capacity: int) -> Tensor:
        """Read left-padded prompts [P, L] (mask 1 on real tokens); logits [P, V] of the next token.

        ``capacity`` is the total length, prompt included, that will be needed.
        """
        ...

    def select(self, rows: Tensor) -> None:
        """Go on with these rows (int64 [R], repeats allowed) in this order."""
        ...

    def step(self, tokens: Tensor) -> Tensor:
        """Append one token per row (int64 [R]); logits [R, V] of the next."""
        ...


def left_pad(sequences: list[list[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids [N, L] padded on the left and the mask [N, L] of real tokens (int64)."""
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(sequences), width), dtype=torch.long)
    for row, tokens in enumerate(sequences):
        ids[row, width - len(tokens) :] = torch.tensor(tokens, dtype=torch.long)
        mask[row, width - len(tokens) :] = 1
    return ids.to(device), mask.to(device)


def prompt_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Additive attention bias [P, 1, L, L]: causal, padding hidden (padding may see itself)."""
    length = mask.shape[1]
    allowed = (
        torch.ones(length, length, dtype=torch.bool, device=mask.device).tril() & mask.bool()[:, None, :]
    )
    allowed = allowed | torch.eye(length, dtype=torch.bool, device=mask.device)  # no row of only -inf
    return torch.zeros(allowed.shape, dtype=dtype, device=mask.device).masked_fill_(~allowed, -torch.inf)[
        :, None
    ]


class CompactStepper:
    """Steps a small plain decoder through :class:`CompactDecoder`."""

    def __init__(self, model: Any) -> None:
        self._net = CompactDecoder(model)
        self._length = 0
        self._bias: Tensor | None = None

    def prefill(self, ids: Tensor, mask: Tensor, capacity: int) -> Tensor:
        net = self._net
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        self._next = positions[:, -1] + 1
        self._length, self._capacity = ids.shape[1], capacity
        padded = bool((mask == 0).any())
        # during decoding only the padding has to be hidden; equal lengths need no bias at all
        self._bias = _padding_bias(mask, net.dtype, capacity) if padded else None
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []

        def keep(index: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            self._keys.append(k)
            self._values.append(v)
            return k, v

        hidden = net.hidden(ids, net.rope(positions), prompt_bias(mask, net.dtype), keep)
        return net.logits(hidden[:, -1])

    def select(self, rows: Tensor) -> None:
        used = self._length
        for store in (self._keys, self._values):
            for layer, old in enumerate(store):
                new = old.new_empty((len(rows), old.shape[1], self._capacity, old.shape[3]))
                new[:, :, :used] = old[:, :, :used].index_select(0, rows)
                store[layer] = new
        self._next = self._next[rows]
        self._bias = None if self._bias is None else self._bias[rows]

    def step(self, tokens: Tensor) -> Tensor:
        at, net = self._length, self._net

        def append(index: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            keys, values = self._keys[index], self._values[index]
            keys[:, :, at : at + 1] = k
            values[:, :, at : at + 1] = v
            return keys[:, :, : at + 1], values[:, :, : at + 1]

        bias = None if self._bias is None else self._bias[..., : at + 1]
        hidden = net.hidden(tokens[:, None], net.rope(self._next[:, None]), bias, append)
        self._length += 1
        self._next = self._next + 1
        return net.logits(hidden[:, -1])


def _padding_bias(mask: Tensor, dtype: torch.dtype, capacity: int) -> Tensor:
    bias = torch.zeros((mask.shape[0], 1, 1, capacity), dtype=dtype, device=mask.device)
    bias[..., : mask.shape[1]].masked_fill_(mask[:, None, None, :] == 0, -torch.inf)
    return bias


class _PreallocatedLayer(DynamicLayer):
    """A cache layer that writes into a buffer instead of concatenating at each token."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.used = 0
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if self._buffers is None:
            self.dtype, self.device = key_states.dtype, key_states.device
            self._buffers = (self._buffer(key_states), self._buffer(value_states))
            self.is_initialized = True
        end = self.used + key_states.shape[-2]
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, self.used : end] = new
        self.used = end
        return self._buffers[0][:, :, :end], self._buffers[1][:, :, :end]

    def get_seq_length(self) -> int:
        return self.used

    def batch_select_indices(self, indices: Tensor) -> None:
        if self._buffers is None:
            return
        old_keys, old_values = self._buffers
        self._buffers = (self._selected(old_keys, indices), self._selected(old_values, indices))

    def _selected(self, old: Tensor, indices: Tensor) -> Tensor:
        new = old.new_empty((len(indices), *old.shape[1:]))
        new[:, :, : self.used] = old[:, :, : self.used].index_select(0, indices)
        return new

    def _buffer(self, states: Tensor) -> Tensor:
        b, h, _, d = states.shape
        return states.new_empty((b, h, self.capacity, d))


class ModelStepper:
    """Steps any causal LM through its own forward."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def prefill(self, ids: Tensor, mask: Tensor, capacity: int) -> Tensor:
        layers = self._model.config.get_text_config().num_hidden_layers
        self._cache = Cache(layers=[_PreallocatedLayer(capacity) for _ in range(layers)])
        self._mask = mask
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        self._next = positions[:, -1] + 1
        return self._forward(ids, positions)

    def select(self, rows: Tensor) -> None:
        self._cache.batch_select_indices(rows)
        self._mask = self._mask[rows]
        self._next = self._next[rows]

    def step(self, tokens: Tensor) -> Tensor:
        self._mask = torch.cat((self._mask, self._mask.new_ones((len(tokens), 1))), dim=1)
        logits = self._forward(tokens[:, None], self._next[:, None])
        self._next = self._next + 1
        return logits

    def _forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        out = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1]
