"""The worker process: reads one comparison per line, answers one line, under its own clock.

Started by :mod:`shared.verifiers.pool`; never imported by anything else. The clock is a real-time
timer in this process, so waiting in a queue costs nothing. Processor time and memory are limited by
the kernel: a computation that no timer can interrupt ends the process, and the pool replaces it.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from types import FrameType

from shared.verifiers.compare import judge
from shared.verifiers.exact import Exhausted, worker_budget
from shared.verifiers.policy import Policy

MEMORY_LIMIT = 2 << 30  # bytes of address space


class _Deadline(BaseException):
    """The timer rang. Not an Exception, so that nothing on the way catches it."""


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise _Deadline


def _limit_cpu(seconds: float) -> None:
    """Let the kernel end this process if one comparison burns far more than its deadline."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + 2 * seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(job: dict[str, object]) -> dict[str, str]:
    policy = Policy(**job["policy"])  # type: ignore[arg-type]
    deadline = float(job["deadline"])  # type: ignore[arg-type]
    _limit_cpu(deadline)
    try:
        signal.setitimer(signal.ITIMER_REAL, deadline)
        equal = judge(str(job["gold"]), str(job["answer"]), policy, worker_budget())
        signal.setitimer(signal.ITIMER_REAL, 0)
        return {"outcome": "equal" if equal else "different"}
    except _Deadline:
        return {"outcome": "timeout", "detail": f"No decision within {deadline:g} s."}
    except Exhausted:
        return {"outcome": "timeout", "detail": "The expressions are too large to decide."}
    except MemoryError:
        return {"outcome": "error", "detail": "The comparison needs more memory than a worker has."}
    except RecursionError:
        return {"outcome": "error", "detail": "The expression is nested too deeply."}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Serve until the input ends, which it does when the parent closes it or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGALRM, _ring)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
