"""Speed of the local engine beside TRL and Hugging Face generate: same model, prompts and lengths.

``python benchmarks/local_engine.py`` makes (or finds) the base of the arithmetic mini world, then
measures on one thread, in CPU seconds:

- sampling: useful tokens (up to and including the end-of-sequence token) per second of
  :class:`shared.sampling.TorchSampler` and of ``model.generate`` with a dynamic and a static cache;
- one full RL step (sampling, reward, update) of :class:`shared.training.Trainer` and of TRL's
  ``GRPOTrainer``, in rollouts per second, TRL at the best of several micro-batch sizes;
- where the time of our step goes.

TRL is not part of the environment. Install it beside it and point to it:
``pip install --no-deps --target .venv-bench trl==1.16.0 datasets dill multiprocess xxhash pandas`` and
``PYTHONPATH=.venv-bench python benchmarks/local_engine.py``; without it that part is left out.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from shared.data.worlds import Arithmetic, WorldPrompts
from shared.problems import Group, Problem, Response
from shared.sampling import SamplingParams, TorchSampler, sample_keys
from shared.training import (
    GroupReward,
    LossInputs,
    OptimConfig,
    Recipe,
    StepContext,
    TrainConfig,
    Trainer,
    warm_start,
)
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from shared import algorithms

PROMPTS, GROUP, NEW_TOKENS = 32, 16, 40
LEVELS = (4, 5, 6, 7)
WORLD = Arithmetic(modulus=10)


def cpu_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Least CPU seconds of a call, after one call to warm up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def fastest(clock: Sequence[float]) -> float:
    """Least time of a step from the times at which steps ended; the first step is the warm-up."""
    return min(later - earlier for earlier, later in pairwise(clock))


def sampling(folder: Path, problems: Sequence[Problem], repeats: int) -> dict[str, float]:
    """Useful tokens per CPU second of each way to sample."""
    model, tokenizer = load(folder)
    prompts = [p.prompt for p in problems]
    keys = sample_keys(0, 0, [p.id for p in problems], GROUP)
    params = SamplingParams(GROUP, max_new_tokens=NEW_TOKENS)
    sampler = TorchSampler(model, tokenizer, progress=False)
    tokens = sum(len(r.token_ids) for row in sampler.sample(prompts, params, seed_keys=keys) for r in row)
    out = {"ours": tokens / cpu_seconds(lambda: sampler.sample(prompts, params, seed_keys=keys), repeats)}
    batch = tokenizer(prompts, padding=True, padding_side="left", return_tensors="pt")
    ids, mask = (batch[k].repeat_interleave(GROUP, 0) for k in ("input_ids", "attention_mask"))
    for cache in (None, "static"):
        lengths: list[int] = []

        def generate(cache: str | None = cache, lengths: list[int] = lengths) -> None:
            with torch.no_grad():
                out = model.generate(
                    ids,
                    attention_mask=mask,
                    do_sample=True,
                    top_k=0,
                    max_new_tokens=NEW_TOKENS,
                    cache_implementation=cache,
                )
            new = out[:, ids.shape[1] :]
            tokenizer.batch_decode(new, skip_special_tokens=True)  # our sampler decodes too
            lengths.append(int((new != tokenizer.pad_token_id).sum()))

        seconds = cpu_seconds(generate, repeats)
        out[f"generate, {cache or 'dynamic'} cache"] = sum(lengths) / len(lengths) / seconds
    return out


def correct(answer: str | None, text: str, ended: bool) -> float:
    """The reward on both sides."""
    response = Response(text) if ended else Response("")
    return float(WORLD.check(response, answer).correct)


def our_step(folder: Path, prompts: WorldPrompts, steps: int, micro_batch_tokens: int) -> dict[str, float]:
    """Rollouts per CPU second of our loop, and the shares of its parts."""

    def reward(groups: Sequence[Group], context: StepContext) -> list[GroupReward]:
        return [
            GroupReward(tuple(float(WORLD.check(r, g.problem.answer).correct) for r in g.responses))
            for g in groups
        ]

    def loss(x: LossInputs) -> tuple[torch.Tensor, dict[str, float]]:
        per_token = algorithms.policy_loss(x.logprobs, x.old_logprobs, x.advantages, x.mask)
        return per_token.sum() / x.batch_tokens, {}

    config = TrainConfig(
        seed=0,
        steps=steps + 1,
        prompts_per_step=PROMPTS,
        n=GROUP,
        max_new_tokens=NEW_TOKENS,
        optim=OptimConfig(lr=1e-4),
        micro_batch_tokens=micro_batch_tokens,
    )
    clock: list[float] = []
    with tempfile.TemporaryDirectory() as run:
        trainer = Trainer(
            Recipe("benchmark", reward, algorithms.grpo, loss),
            *load(folder),
            prompts,
            config,
            Path(run),
            stop=lambda metrics: clock.append(time.process_time()),
            progress=False,
        )
        history = trainer.run().history[1:]
    seconds = fastest(clock)
    wall = {k: sum(m[f"time/{k}_s"] for m in history) for k in ("sample", "update")}
    return {
        "rollouts/s": PROMPTS * GROUP / seconds,
        "sampling and reward share": wall["sample"] / sum(wall.values()),
        "update share": wall["update"] / sum(wall.values()),
        "rows trained share": sum(m["update/rows_trained"] for m in history) / (steps * PROMPTS * GROUP),
    }


def trl_step(folder: Path, prompts: WorldPrompts, steps: int, micro_rows: int) -> float:
    """Rollouts per CPU second of TRL's GRPOTrainer."""
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    clock: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            clock.append(time.process_time())

    def reward(
        completions: list[str], completion_ids: list[list[int]], answer: list[str], **_: Any
    ) -> list[float]:
        ended = [tokenizer.eos_token_id in ids for ids in completion_ids]
        return [correct(a, c, e) for a, c, e in zip(answer, completions, ended, strict=True)]

    model, tokenizer = load(folder)
    problems = prompts.take(0, PROMPTS * (steps + 1))
    with tempfile.TemporaryDirectory() as run:
        config = GRPOConfig(
            output_dir=run,
            use_cpu=True,
            bf16=False,
            per_device_train_batch_size=micro_rows,
            gradient_accumulation_steps=PROMPTS * GROUP // micro_rows,
            num_generations=GROUP,
            max_completion_length=NEW_TOKENS,
            max_steps=steps + 1,
            learning_rate=1e-4,
            lr_scheduler_type="constant",
            gradient_checkpointing=False,
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            report_to="none",
        )
        trainer = GRPOTrainer(
            model,
            reward,
            config,
            train_dataset=Dataset.from_list([{"prompt": p.prompt, "answer": p.answer} for p in problems]),
            processing_class=tokenizer,
            callbacks=[Clock()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return PROMPTS * GROUP / fastest(clock)


def load(folder: Path) -> tuple[Any, Any]:
    """A fresh copy of the base and its tokenizer."""
    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def main() -> None:
    """Measure and print; ``--json`` writes the numbers as well."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=4, help="RL steps to time")
    parser.add_argument("--cache", type=Path, default=Path(".cache/bases"), help="where bases are kept")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.WARNING)
    disable_progress_bar()
    folder = warm_start(WORLD, 0, args.cache)
    prompts = WorldPrompts(WORLD, LEVELS, 0)
    numbers: dict[str, Any] = {"tokens/s": sampling(folder, prompts.take(0, PROMPTS), args.steps)}
    ours = {size: our_step(folder, prompts, args.steps, size) for size in (2048, 4096, 8192)}
    numbers["our step, by micro-batch tokens"] = ours
    try:
        numbers["TRL rollouts/s, by micro-batch rows"] = {
            rows: trl_step(folder, prompts, args.steps, rows) for rows in (512, 128, 64)
        }
    except ImportError as error:
        print(f"TRL is left out ({error.name} is not installed; see the top of this file)")
    report(numbers)
    if args.json:
        args.json.write_text(json.dumps(numbers, indent=1) + "\n")


def report(numbers: dict[str, Any]) -> None:
    """Print the numbers and the ratios."""
    print(f"{PROMPTS} prompts x {GROUP} samples, at most {NEW_TOKENS} new tokens, one thread, CPU seconds")
    rates = numbers["tokens/s"]
    for name, rate in rates.items():
        print(f"  sampling, {name:28s} {rate:8.0f} tokens/s   ours is {rates['ours'] / rate:.2f}x")
    ours = numbers["our step, by micro-batch tokens"]
    best = max(row["rollouts/s"] for row in ours.values())
    for size, row in ours.items():
        parts = ", ".join(f"{k} {v:.2f}" for k, v in row.items() if k != "rollouts/s")
        print(f"  RL step, ours, {size} tokens a micro-batch: {row['rollouts/s']:6.0f} rollouts/s ({parts})")
    for rows, rate in numbers.get("TRL rollouts/s, by micro-batch rows", {}).items():
        print(
            f"  RL step, TRL, {rows} rows a micro-batch: {rate:6.0f} rollouts/s   ours is {best / rate:.2f}x"
        )


if __name__ == "__main__":
    main()
