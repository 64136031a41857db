"""Time of the metrics on 10,000 problems x 64 samples, every k in one call, on one core.

``python benchmarks/metrics.py`` prints CPU seconds on four shapes of data and the ratio to a
straightforward implementation: the published pass@k formula in a loop, and a simulated vote
(100 draws per k, for eight values of k and 20 problems, scaled up) for maj@k. The simulation is
*less* work than exact maj@k deserves: it has an error of about 0.05 per problem.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from math import comb

import numpy as np
from shared.metrics import bootstrap_intervals, maj_at_k, pass_at_k, per_problem

LIMIT_SECONDS = 2.0


def restaurant(rng: np.random.Generator, problems: int, n: int, novelty: float) -> np.ndarray:
    """Answers by a Chinese restaurant process: skewed class sizes, varying from problem to problem."""
    keys = np.zeros((problems, n), dtype=np.int64)
    fresh = np.ones(problems, dtype=np.int64)
    rows = np.arange(problems)
    for i in range(1, n):
        new = rng.random(problems) < novelty / (novelty + i)
        keys[:, i] = np.where(new, fresh, keys[rows, rng.integers(0, i, problems)])
        fresh += new
    return keys


def shapes(problems: int, n: int) -> dict[str, np.ndarray]:
    """Answer keys of different structure; key 0 is the right answer."""
    rng = np.random.default_rng(0)
    return {
        "8 answers, uniform": rng.integers(0, 8, (problems, n)),
        "skewed, few answers": restaurant(rng, problems, n, 2.0),
        "skewed, many answers": restaurant(rng, problems, n, 30.0),
        "all answers different": np.tile(np.arange(n), (problems, 1)),
    }


def cpu_seconds(call: Callable[[], object]) -> float:
    """CPU time of the process, best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def loop_pass_at_k(correct: np.ndarray) -> None:
    """1 − C(n−c, k) / C(n, k), problem by problem and k by k."""
    n = correct.shape[1]
    for row in correct:
        c = int(row.sum())
        for k in range(1, n + 1):
            _ = 1 - comb(n - c, k) / comb(n, k)


def loop_maj_at_k(keys: np.ndarray, ks: list[int], draws: int) -> None:
    """A vote over k drawn samples, simulated."""
    rng = np.random.default_rng(0)
    for row in keys:
        for k in ks:
            wins = 0.0
            for _ in range(draws):
                values, counts = np.unique(rng.choice(row, k, replace=False), return_counts=True)
                top = values[counts == counts.max()]
                wins += (top == 0).any() / len(top)


def main() -> None:
    """Print the table; exit with status 1 when a shape takes longer than the limit."""
    parser = argparse.ArgumentParser(description="Time the metrics; see the module text.")
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=64)
    options = parser.parse_args()
    problems, n = options.problems, options.samples
    ks, some_ks = list(range(1, n + 1)), [k for k in (1, 2, 4, 8, 16, 32, 48, 64) if k <= n]
    slowest = 0.0
    print(f"{problems} problems x {n} samples, k = 1..{n}, CPU seconds on one core")
    print(f"{'answers':24} {'maj@k':>8} {'all metrics':>12} {'maj@k loop / ours':>18}")
    for name, keys in shapes(problems, n).items():
        correct = keys == 0
        ours = cpu_seconds(lambda c=correct, q=keys: maj_at_k(c, q, ks))  # type: ignore[misc]
        everything = cpu_seconds(lambda c=correct, q=keys: per_problem(c, q, ks))  # type: ignore[misc]
        start = time.process_time()
        loop_maj_at_k(keys[:20], some_ks, 100)
        loop = (time.process_time() - start) * (problems / 20) * (n / len(some_ks))
        print(f"{name:24} {ours:8.2f} {everything:12.2f} {loop / ours:17,.0f}x")
        slowest = max(slowest, everything)
    correct = np.random.default_rng(1).random((problems, n)) < 0.3
    ours = cpu_seconds(lambda: pass_at_k(correct, ks))
    start = time.process_time()
    loop_pass_at_k(correct[:500])
    loop = (time.process_time() - start) * problems / 500
    print(f"pass@k {ours:.3f} s, loop / ours {loop / ours:,.0f}x")
    columns = per_problem(correct, np.where(correct, 0, 1), [1, 16])
    bootstrap = cpu_seconds(lambda: bootstrap_intervals(columns))
    print(f"bootstrap of {len(columns)} metrics, 2000 draws: {bootstrap:.2f} s")
    if slowest > LIMIT_SECONDS:
        raise SystemExit(f"all metrics took {slowest:.2f} s, over the limit of {LIMIT_SECONDS} s")


if __name__ == "__main__":
    main()
