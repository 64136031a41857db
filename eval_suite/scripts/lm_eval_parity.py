"""The same model, data, prompts and greedy decoding through lm-eval and through this suite.

Both run with one thread, float32 and the same batch size, one after the other. Printed: how many
responses are the same text, how many verdicts agree, every disagreement with both readings, and
CPU and wall seconds of the two commands as a user would give them.

    python eval_suite/scripts/lm_eval_parity.py --model .cache/smollm2 --data-dir ../shared/benchmarks \\
        --lm-eval .venv-lmeval/bin/python --limit 16 --max-new-tokens 96
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from eval_suite.layout import OutputFolder
from eval_suite.plan import fill
from eval_suite.registry import profile, tasks
from eval_suite.score import ProblemScore
from shared.generation import PartStore

BATCH = 8
_LAST_NUMBER = r"(-?[$0-9.,]{2,})|(-?[0-9]+)"  # lm-eval's own "flexible-extract" of its gsm8k task
EXTRACTION = {
    "gsm8k": _LAST_NUMBER,
    "asdiv": _LAST_NUMBER,  # easy enough for a tiny model to be right sometimes
    # the letter of the answer phrase or box, as its multiple-choice chain-of-thought tasks have it
    "mmlu_stem": r"(?:answer is|boxed\{)\s*\(?([A-J])\)?",
}


@dataclass(frozen=True)
class Side:
    """What one harness did: id -> (response, verdict, extracted), and its cost."""

    answers: dict[str, tuple[str, bool, str]]
    cpu: float
    wall: float


def main() -> None:
    """Run both harnesses on both tasks and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--lm-eval", required=True, help="Python of an environment with lm-eval")
    parser.add_argument("--limit", type=int, default=16)
    parser.add_argument("--max-new-tokens", type=int, default=96)
    parser.add_argument("--tasks", default="gsm8k,mmlu_stem,asdiv")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    columns = ("task", "problems", "same text", "same verdict", "accuracy here", "lm-eval")
    columns += ("CPU s here", "lm-eval", "wall s here", "lm-eval")
    print("| " + " | ".join(columns) + " |")
    print("| --- " * 10 + "|")
    for task in options.tasks.split(","):
        with tempfile.TemporaryDirectory() as folder:
            theirs = run_theirs(task, options, Path(folder))
            ours = run_ours(task, options, Path(folder))
        compare(task, ours, theirs)


def run_ours(task: str, options: argparse.Namespace, folder: Path) -> Side:
    """This suite, by its command line."""
    out = folder / "ours"
    command = [sys.executable, "-m", "eval_suite", "run", "--suite", task, "--profile", "card17", "--n", "1"]
    command += ["--temperature", "0", "--model", options.model, "--rows", str(BATCH), "--out", str(out)]
    command += ["--limit", str(options.limit), "--max-new-tokens", str(options.max_new_tokens)]
    command += ["--data-dir", str(options.data_dir)]
    cpu, wall = timed(command)
    (generated,) = OutputFolder(out).generated()
    draws = {d.problem_id: d for d in OutputFolder(out).draws(task, generated.fingerprint).load()}
    scores = PartStore(
        OutputFolder(out).scores(generated.grader, task, generated.fingerprint), ProblemScore
    ).load()
    answers = {
        s.problem_id: (draws[s.problem_id].text, s.outcomes[0] == "equal", str(s.answers[0])) for s in scores
    }
    return Side(answers, cpu, wall)


def run_theirs(task: str, options: argparse.Namespace, folder: Path) -> Side:
    """lm-eval, with a task file that gives it the same prompts."""
    (folder / "task").mkdir()
    text = yaml.safe_dump(task_file(task, options))
    (folder / "task" / f"parity_{task}.yaml").write_text(text, encoding="utf-8")
    command = [
        options.lm_eval,
        "-m",
        "lm_eval",
        "run",
        "--model",
        "hf",
        "--device",
        "cpu",
        "--batch_size",
        str(BATCH),
    ]
    command += ["--model_args", f"pretrained={options.model},dtype=float32", "--tasks", f"parity_{task}"]
    command += [
        "--include_path",
        str(folder / "task"),
        "--limit",
        str(options.limit),
        "--apply_chat_template",
    ]
    command += ["--log_samples", "--output_path", str(folder / "theirs")]
    cpu, wall = timed(command)
    (samples,) = (folder / "theirs").rglob("samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    answers = {
        row["doc"]["id"]: (row["resps"][0][0], bool(row["exact_match"]), str(row["filtered_resps"][0]))
        for row in rows
    }
    return Side(answers, cpu, wall)


def task_file(task: str, options: argparse.Namespace) -> dict[str, Any]:
    """lm-eval's description of the task."""
    entry = tasks()[task]
    prompt = profile("card17").protocol(entry).prompt or ""
    rules = [",", r"\$", r"(?s).*#### ", r"\.$"]
    steps = [
        {"function": "regex", "group_select": -1, "regex_pattern": EXTRACTION[task]},
        {"function": "take_first"},
    ]
    return {
        "task": f"parity_{task}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str((options.data_dir / entry.data.file).resolve())}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": fill(prompt, {"problem": "{{problem}}"}),
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {
            "until": ["<|im_end|>"],
            "do_sample": False,
            "max_gen_toks": options.max_new_tokens,
        },
        "filter_list": [{"name": "extract", "filter": steps}],
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "regexes_to_ignore": rules,
            }
        ],
    }


def timed(command: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of a command."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - begin


def compare(task: str, ours: Side, theirs: Side) -> None:
    """Print the row of a task, then its disagreements."""
    ids = sorted(ours.answers)
    if ids != sorted(theirs.answers):
        raise RuntimeError(f"{task}: the two harnesses asked different problems")
    same_text = sum(ours.answers[i][0].strip() == theirs.answers[i][0].strip() for i in ids)
    differing = [i for i in ids if ours.answers[i][1] != theirs.answers[i][1]]
    accuracy = [sum(side.answers[i][1] for i in ids) / len(ids) for side in (ours, theirs)]
    cells = [task, len(ids), same_text, len(ids) - len(differing), *(f"{100 * a:.1f}" for a in accuracy)]
    cells += [f"{ours.cpu:.0f}", f"{theirs.cpu:.0f}", f"{ours.wall:.0f}", f"{theirs.wall:.0f}"]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    for i in differing:
        tail = ours.answers[i][0].strip()[-160:].replace("\n", " ")
        here, there = ours.answers[i], theirs.answers[i]
        print(f"- {i}: here {here[1]} ({here[2]}), lm-eval {there[1]} ({there[2]}); ends: {tail}")


if __name__ == "__main__":
    main()
