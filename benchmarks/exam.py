"""What the exam costs beside the model: harness overhead, scoring speed, report time.

``python benchmarks/exam.py --data-dir <canonical JSONL>`` measures, on one thread:

- overhead: CPU seconds of generation through the suite (plan, render, engine, parts on disk) over
  those of the same engine called directly with the same rendered prompts, alternating, least of
  three. The model is a random Qwen2 of 5 million parameters: a real one is hundreds of times
  slower a token, so this bounds the share from above;
- scoring: wall and CPU seconds (with the verifier's workers) for 10,000 answers to real problems:
  a third right as written, a third right in another form, a third wrong;
- report: seconds to measure and write all forms of it.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from eval_suite.data import load
from eval_suite.layout import OutputFolder, SuiteRecord
from eval_suite.plan import Changes, TaskPlan, plan_task
from eval_suite.registry import profile, tasks
from eval_suite.report import write_report
from eval_suite.stages import generate_plans, measure_all, score_all
from shared.generation import HFEngine, Renderer, ReplayEngine, Shard, Unit, plan_units, write_recording
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

SCORED = (
    "math500",
    "olympiadbench",
    "gsm8k",
    "svamp",
    "carp_en",
    "gaokao2023en",
    "amc23",
    "aime24",
    "aime25",
)
ANSWERS = 10_000
FILLER = "We set up the equation, simplify both sides and check the cases one after the other. " * 12


def cpu_now() -> float:
    """CPU seconds of this process and of the children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def tiny_model(folder: Path) -> None:
    """A random model with a byte tokenizer."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({c: i for i, c in enumerate([*alphabet, "<eos>"])}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>").save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=257, hidden_size=256, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=768, max_position_embeddings=1024, eos_token_id=256, bos_token_id=None,
        tie_word_embeddings=True,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)


def overhead(data_dir: Path, folder: Path) -> dict[str, float]:
    """CPU seconds through the suite and direct, for 64 prompts x 4 samples x 64 tokens."""
    tiny_model(folder / "model")
    engine = HFEngine(str(folder / "model"))
    changes = Changes(n=4, limit=64, max_new_tokens=64)

    def plan() -> TaskPlan:
        renderer = Renderer(engine.tokenizer)
        return plan_task(
            tasks()["svamp"],
            profile("card17"),
            data_dir,
            renderer,
            engine.describe(),
            changes,
            context=engine.context,
        )

    prompts = plan().prompts
    settings = plan().settings
    units: list[Unit] = plan_units(prompts, 4, 8, set())

    def direct() -> None:
        for _ in engine.generate(units, settings):
            pass

    def suite(number: int) -> None:
        out = OutputFolder(folder / f"out{number}")
        generate_plans([plan()], engine, out, shard=Shard(), block=8)

    direct()
    times: dict[str, list[float]] = {"direct": [], "suite": []}
    for number in range(3):
        for name, call in (("direct", direct), ("suite", lambda number=number: suite(number))):
            start = cpu_now()
            call()
            times[name].append(cpu_now() - start)
    least = {name: min(values) for name, values in times.items()}
    return {**least, "overhead": least["suite"] / least["direct"] - 1}


def answer_in_form(answer: str, form: int) -> str:
    """The reference as written, in another form of the same value, or wrong."""
    if form == 0:
        return answer
    return f"{answer} + 0" if form == 1 and answer.isdigit() else (f" {answer} " if form == 1 else "1.2345")


def scoring(data_dir: Path, folder: Path) -> dict[str, float]:
    """Seconds to judge 10,000 answers, and to write the report."""
    problems = {name: load(tasks()[name], data_dir).problems for name in SCORED}

    def text(answer: str, form: int) -> str:
        return f"{FILLER}So the answer is \\boxed{{{answer_in_form(answer, form)}}}."

    n = -(-ANSWERS // sum(map(len, problems.values())))
    rows = [
        {
            "task": name,
            "problem_id": problem.id,
            "sample": s,
            "text": text(problem.answer or "", (i + s) % 3),
        }
        for name, items in problems.items()
        for i, problem in enumerate(items)
        for s in range(n)
    ]
    write_recording(folder / "recording.jsonl", rows)
    engine = ReplayEngine(folder / "recording.jsonl")
    out = OutputFolder(folder / "scored")
    out.write_suite(SuiteRecord("benchmark", "card17", SCORED))
    plans = [
        plan_task(tasks()[name], profile("card17"), data_dir, Renderer(None), engine.describe(), Changes(n=n))
        for name in SCORED
    ]
    timings = {"answers": float(len(rows))}
    timings |= timed("generate", lambda: generate_plans(plans, engine, out, shard=Shard(), block=8))
    timings |= timed("score", lambda: score_all(out, data_dir))
    timings |= timed("report", lambda: report(out, data_dir, folder))
    return timings


def report(out: OutputFolder, data_dir: Path, folder: Path) -> None:
    """Measure and write."""
    results, mean = measure_all(out, data_dir)
    write_report(folder / "report", out.suite(), results, mean)


def timed(name: str, call: Callable[[], object]) -> dict[str, float]:
    """Wall and CPU seconds of a call."""
    cpu, wall = cpu_now(), time.monotonic()
    call()
    return {f"{name} wall": time.monotonic() - wall, f"{name} cpu": cpu_now() - cpu}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "overhead": overhead(options.data_dir, Path(folder)),
            "scoring": scoring(options.data_dir, Path(folder)),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
