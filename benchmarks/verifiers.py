"""How fast and how right the verifiers are, against Math-Verify called as its README says.

    python benchmarks/verifiers.py [--sets ../shared/benchmarks] [--soak 100000] [--out result.json]

Two loads, each graded by both sides in one run on the same cores:

* a training step: 64 groups of 16 responses with natural repetition (a few answers per group, some
  rewritten, some wrong, some missing), one reference per group;
* all-distinct pairs of a reference and a rewritten or damaged answer.

Printed are seconds of wall clock and of processor time (workers included), their ratios, the
disagreements by kind of answer, the 50th and 99th percentile of a single warm verdict, and, with
``--soak``, memory before and after that many cases. References come from the benchmark sets, where
these are beside the checkout, else from the test suite's own cases.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from shared.problems import Outcome
from shared.verifiers import verify, verify_batch
from shared.verifiers.pool import close_shared_pool

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "shared" / "tests" / "verifiers"
Pair = tuple[str, str, bool | None]  # reference, response, whether it is right (None: not known)


def references(folder: Path) -> list[str]:
    """Distinct reference answers."""
    if folder.is_dir():
        found = set()
        for path in sorted(folder.glob("*.jsonl")):
            if not path.name.startswith("r360_"):
                found |= {
                    json.loads(line)["answer"] for line in path.read_text(encoding="utf-8").splitlines()
                }
        return sorted(gold for gold in found if gold.strip() and len(gold) < 80)
    groups = yaml.safe_load((CASES / "cases_values.yaml").read_text(encoding="utf-8"))
    return sorted({gold for group in groups for gold, _ in group.get("equal", [])})


def kind(gold: str) -> str:
    """A coarse kind of answer, for the table of disagreements."""
    for name, pattern in (
        ("matrix", r"matrix|array"), ("interval or tuple", r"^\s*(\\left)?[(\[].*,.*[)\]]|\\cup|\\infty"),
        ("set", r"\\\{"),
        ("relation", r"[<>=]|\\[lg]e|\\neq?"), ("list", r","), ("unit, money, per cent, angle",
        r"\\text|\\mbox|\\\$|%|circ|cm|mathrm"),
        ("fraction", r"frac|/"), ("root", r"sqrt"), ("integer", r"^-?\d+$"), ("decimal", r"^-?\d*\.\d+$"),
        ("algebra", r"[a-z]"),
    ):  # fmt: skip
        if re.search(pattern, gold):
            return name
    return "other"


def rewrite(gold: str, draw: random.Random) -> str:
    """The same answer in another dress."""
    return draw.choice(
        [
            lambda g: g,
            lambda g: g.replace("\\frac", "\\dfrac"),
            lambda g: f" {g} ",
            lambda g: (
                g.replace("(", "\\left(").replace(")", "\\right)")
                if "left" not in g and g.count("(") == g.count(")")
                else g
            ),
            lambda g: re.sub(r"^(-?)\\frac\{(\d+)\}\{(\d+)\}$", r"\1\2/\3", g),
            lambda g: g + ".0" if re.fullmatch(r"-?\d+", g) else g,
        ]
    )(gold)


def damage(gold: str, draw: random.Random) -> str:
    """A wrong answer that looks like the right one."""
    numbers = list(re.finditer(r"\d+", gold))
    if not numbers:
        return gold + " + 1"
    spot = draw.choice(numbers)
    return gold[: spot.start()] + str(int(spot.group(0)) + draw.randint(1, 9)) + gold[spot.end() :]


def response(answer: str, draw: random.Random) -> str:
    steps = " ".join(
        f"Step {n}: we have $x_{n} = {draw.randint(1, 99)}$ and so on." for n in range(draw.randint(3, 12))
    )
    return f"{steps} Therefore the answer is $\\boxed{{{answer}}}$."


def training_step(golds: Sequence[str], draw: random.Random) -> list[Pair]:
    """64 groups x 16: about 55 % right in a few spellings, the rest a few popular wrong answers."""
    pairs: list[Pair] = []
    for gold in draw.sample(list(golds), 64):
        wrong = [damage(gold, draw) for _ in range(3)]
        for _ in range(16):
            luck = draw.random()
            if luck < 0.55:
                pairs.append((gold, response(rewrite(gold, draw), draw), True))
            elif luck < 0.95:
                pairs.append((gold, response(draw.choice(wrong), draw), False))
            else:
                pairs.append((gold, "I could not finish the calculation", False))
    return pairs


def distinct_pairs(golds: Sequence[str], draw: random.Random, n: int = 600) -> list[Pair]:
    pairs: list[Pair] = []
    for gold in draw.sample(list(golds), min(n, len(golds))):
        right = draw.random() < 0.5
        answer = rewrite(gold, draw) if right else damage(gold, draw)
        pairs.append((gold, f"so \\boxed{{{answer}}}", right))
    return pairs


def ours(pairs: Sequence[Pair]) -> list[bool]:
    return [v.correct for v in verify_batch([text for _, text, _ in pairs], [gold for gold, _, _ in pairs])]


def theirs(pairs: Sequence[Pair]) -> list[bool]:
    """Math-Verify as its README calls it: parse the boxed reference, parse the response, verify."""
    from math_verify import parse
    from math_verify import verify as mv_verify

    logging.disable(logging.CRITICAL)
    return [bool(mv_verify(parse(f"\\boxed{{{gold}}}"), parse(text))) for gold, text, _ in pairs]


def timed(
    grade: Callable[[Sequence[Pair]], list[bool]], pairs: Sequence[Pair]
) -> tuple[list[bool], float, float]:
    """Verdicts, wall seconds, processor seconds of this process and of finished workers."""
    close_shared_pool()
    before = _cpu()
    started = time.perf_counter()
    verdicts = grade(pairs)
    wall = time.perf_counter() - started
    close_shared_pool()
    return verdicts, wall, _cpu() - before


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(name: str, pairs: Sequence[Pair]) -> dict[str, Any]:
    mine, my_wall, my_cpu = timed(ours, pairs)
    other, their_wall, their_cpu = timed(theirs, pairs)
    differ = [(g, r, m) for (g, r, _), m, o in zip(pairs, mine, other, strict=True) if m != o]
    known = [
        (m, o, right) for m, o, (_, _, right) in zip(mine, other, pairs, strict=True) if right is not None
    ]
    result = {
        "pairs": len(pairs),
        "ours": {
            "wall_s": my_wall,
            "cpu_s": my_cpu,
            "agree_with_construction": sum(m == r for m, _, r in known),
        },
        "math_verify": {
            "wall_s": their_wall,
            "cpu_s": their_cpu,
            "agree_with_construction": sum(o == r for _, o, r in known),
        },
        "speedup_wall": their_wall / my_wall,
        "speedup_cpu": their_cpu / my_cpu,
        "disagreements": len(differ),
        "by_kind": dict(
            Counter(
                f"{kind(g)}: {'only ours accepts' if m else 'only Math-Verify accepts'}" for g, _, m in differ
            )
        ),
        "only_math_verify_accepts": [(g, r[-60:]) for g, r, m in differ if not m][:12],
    }
    print(f"\n{name}: {len(pairs)} pairs")
    print(
        f"  ours         {my_wall:8.3f} s wall {my_cpu:8.3f} s cpu  "
        f"{result['ours']['agree_with_construction']} as constructed"
    )
    print(
        f"  Math-Verify  {their_wall:8.3f} s wall {their_cpu:8.3f} s cpu  "
        f"{result['math_verify']['agree_with_construction']} as constructed"
    )
    print(f"  {result['speedup_wall']:.1f}x by wall clock, {result['speedup_cpu']:.1f}x by processor time")
    for line, count in sorted(result["by_kind"].items(), key=lambda item: -item[1]):
        print(f"    {count:4d}  {line}")
    return result


def latency(pairs: Sequence[Pair]) -> dict[str, float]:
    """Percentiles of single verdicts, warm code but fresh answers."""
    times = []
    for gold, text, _ in pairs:
        started = time.perf_counter()
        verify(text, gold)
        times.append(time.perf_counter() - started)
    times.sort()
    out = {
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[int(len(times) * 0.99)] * 1000,
        "max_ms": times[-1] * 1000,
    }
    print(f"\nsingle verdicts: {out}")
    return out


def soak(golds: Sequence[str], n: int, draw: random.Random) -> dict[str, Any]:
    """Resident memory over n cases, after the caches have reached their bounds."""
    import psutil

    process = psutil.Process()
    marks = []
    outcomes: Counter[Outcome] = Counter()
    started = time.process_time()
    for index in range(n):
        gold = draw.choice(list(golds)) if index % 500 == 0 else golds[draw.randrange(len(golds))]
        outcomes[verify(f"so \\boxed{{{damage(gold, draw)}}} or {draw.random()}", gold).outcome] += 1
        if (index + 1) % max(n // 5, 1) == 0:
            marks.append(process.memory_info().rss / 2**20)
    zombies = [c.pid for c in process.children() if c.status() == psutil.STATUS_ZOMBIE]
    out = {
        "cases": n, "rss_mib_at_each_fifth": marks, "cpu_s": time.process_time() - started,
        "zombies": zombies,
        "outcomes": {o.value: c for o, c in outcomes.items()},
    }  # fmt: skip
    print(f"\nsoak: {out}")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sets", type=Path, default=ROOT.parent / "shared" / "benchmarks")
    parser.add_argument("--soak", type=int, default=0, metavar="CASES")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    draw = random.Random(0)
    golds = references(options.sets)
    verify("\\boxed{\\sqrt{3+2\\sqrt2}}", "1+\\sqrt2")  # load both sides before the clock runs
    theirs([("1", "\\boxed{1}", True)])
    result: dict[str, Any] = {
        "training_step": measure("a training step, 64 groups x 16", training_step(golds, draw)),
        "distinct": measure("all-distinct pairs", distinct_pairs(golds, draw)),
        "latency": latency(distinct_pairs(golds, random.Random(5))),
    }
    if options.soak:
        result["soak"] = soak(golds, options.soak, draw)
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
