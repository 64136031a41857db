"""From command-line options to an engine and a renderer."""

from __future__ import annotations

import argparse
from typing import Any

from shared.generation import Engine, HFEngine, OpenAIEngine, Renderer, ReplayEngine, VLLMEngine

from eval_suite.registry import Profile


def make_engine(options: argparse.Namespace) -> Engine:
    """The engine that ``--backend`` names.

    Raises:
        ValueError: an option that this backend needs is missing.
    """
    if options.backend == "replay":
        return ReplayEngine(_need(options, "recording"), delay=options.replay_delay)
    if options.backend == "openai":
        tokenizer = load_tokenizer(options.tokenizer, None) if options.tokenizer else None
        return OpenAIEngine(
            _need(options, "base_url"),
            model=options.model,
            tokenizer=tokenizer,
            concurrency=options.concurrency,
        )
    if options.backend == "vllm":
        return VLLMEngine(
            _need(options, "model"),
            tensor_parallel=options.tensor_parallel,
            dtype=options.dtype or "auto",
            max_model_len=options.max_model_len,
            eager=options.eager,
            revision=options.revision,
        )
    return HFEngine(
        _need(options, "model"),
        device=options.device,
        dtype=options.dtype or "float32",
        rows=options.rows,
        revision=options.revision,
    )


def make_renderer(options: argparse.Namespace, profile: Profile, tokenizer: Any | None) -> Renderer:
    """The renderer of a run: the profile's template choices unless the command line has others."""
    return Renderer(tokenizer, chat=options.chat or profile.chat, bos=options.bos or profile.bos)


def load_tokenizer(model: str, revision: str | None) -> Any:
    """A tokenizer alone, for dry runs and for servers."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model, revision=revision)


def dry_tokenizer(options: argparse.Namespace) -> Any | None:
    """The tokenizer a dry run renders with; ``None`` if the options name none."""
    name = options.tokenizer or (options.model if options.backend in ("hf", "vllm") else None)
    return load_tokenizer(name, options.revision) if name else None


def _need(options: argparse.Namespace, name: str) -> Any:
    value = getattr(options, name)
    if value is None:
        raise ValueError(f"backend {options.backend} needs --{name.replace('_', '-')}")
    return value
