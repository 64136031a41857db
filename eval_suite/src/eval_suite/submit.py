"""``submit``: from the options of a run to job files, to Slurm, to a report, with progress on the way.

The job files lie beside the results (``OUT/slurm``), so that what was run can be read later. Submitting
again continues: what is stored is not made again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from pathlib import Path

from shared.files import write_text

from eval_suite.slurm import ClusterSettings, JobFiles, read_settings, render
from eval_suite.workers import format_progress, progress

POLL = 5.0  # seconds between looks at the queue

_NOT_OF_WORK = {"cluster", "show", "no_follow", "name", "form", "nodes", "time", "partition", "account"} | {
    "replicas_per_node", "gpus_per_replica", "cpus_per_replica", "grader", "help", "dry_run", "shard"
}  # fmt: skip
_OF_FINISH = {"out", "data_dir", "accept_data", "registry", "grader"}


def submit(options: argparse.Namespace) -> None:
    """Render, show, submit and follow.

    Raises:
        ValueError: settings that cannot be, no ``sbatch`` here, or Slurm refuses.
    """
    from eval_suite.cluster_cli import cluster_changes

    if options.out is None:
        raise ValueError("submit needs --out: a folder that all nodes see under the same path")
    changes = cluster_changes(options)
    if options.backend == "vllm" and changes["gpus_per_replica"] is None:
        changes["gpus_per_replica"] = options.tensor_parallel
    settings = read_settings(options.cluster, changes)
    files = job_files(settings, options)
    if options.show:
        print(files.work, files.finish, sep="\n")
        return
    if shutil.which("sbatch") is None:
        raise ValueError("there is no sbatch here: submit from a login node, or look with --show")
    jobs = _submit(files, options.out)
    print(f"submitted {jobs[0]} ({settings.replicas} workers) and {jobs[1]} (report)")
    print(f"logs in {options.out}/logs")
    if not options.no_follow:
        _follow(jobs, options.out)


def job_files(settings: ClusterSettings, options: argparse.Namespace) -> JobFiles:
    """The job files of a run."""
    return render(
        settings,
        out=options.out.absolute(),
        folder=Path.cwd(),
        work=work_words(options, {"workers", "drain"}),
        finish=_words([a for a in options.parser._actions if a.dest in _OF_FINISH], options),
    )


def work_words(options: argparse.Namespace, without: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """What ``work`` is to be told, from the options of ``submit`` or ``ray``."""
    left_out = _NOT_OF_WORK | without
    return _words([action for action in options.parser._actions if action.dest not in left_out], options)


def _words(actions: list[argparse.Action], options: argparse.Namespace) -> list[str]:
    """Options that differ from their defaults, as they would be typed."""
    words: list[str] = []
    for action in actions:
        value = getattr(options, action.dest)
        if value is None or value == action.default:
            continue
        if action.dest == "out":
            value = value.absolute()
        words += [action.option_strings[-1]] if value is True else [action.option_strings[-1], str(value)]
    return words


def _submit(files: JobFiles, out: Path) -> tuple[str, str]:
    folder = out / "slurm"
    (out / "logs").mkdir(parents=True, exist_ok=True)
    write_text(folder / "work.sbatch", files.work)
    write_text(folder / "finish.sbatch", files.finish)
    work = _slurm("sbatch", "--parsable", str(folder / "work.sbatch")).split(";")[0]
    finish = _slurm(
        "sbatch", "--parsable", f"--dependency=afterany:{work}", str(folder / "finish.sbatch")
    ).split(";")[0]
    return work, finish


def _follow(jobs: tuple[str, str], out: Path) -> None:
    """Print progress until the report job is gone. Stopping this stops no job."""
    said = ""
    while True:
        listed = _slurm(
            "squeue", "--noheader", "--states=all", f"--jobs={','.join(jobs)}", "--format=%A %i %T"
        )
        states = {}
        for line in listed.splitlines():
            _, name, state = line.split()
            states[name] = state
        queue = ", ".join(f"{name} {state}" for name, state in states.items())
        line = f"{queue}; {format_progress(*progress(out))}"
        if line != said:
            print(line, flush=True)
            said = line
        state = states.get(jobs[1], "gone")
        if state == "COMPLETED":
            print(f"report in {out}/report")
            return
        if state not in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED"):
            raise ValueError(
                f"the report job {jobs[1]} ended as {state}: see {out}/logs; submit again to continue"
            )
        time.sleep(POLL)


def _slurm(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{command[0]} refused: {done.stderr.strip()}")
    return done.stdout.strip()
