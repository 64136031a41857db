"""A throw-away Slurm of two nodes on this host: own ports, key, state and spool, gone after the tests.

Processes are ended by the ids they wrote down; nothing of a Slurm that may be installed here is used
but its programs. Accounting, cgroups and real resources are left out.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "munged")
NODES = ("n1", "n2")
CONFIG = """\
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={home}/munge/socket
CredType=cred/munge
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool-%n
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/%n.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SlurmdTimeout=8
KillWait=3
JobRequeue=1
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=16 RealMemory=1000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=16 RealMemory=1000
PartitionName=test Nodes=n1,n2 Default=YES MaxTime=UNLIMITED OverSubscribe=NO State=UP
"""


class ThrowawaySlurm:
    """Two slurmd, one slurmctld, one munged."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in ("munge", "state", *(f"spool-{node}" for node in NODES)):
            (home / name).mkdir(mode=0o700 if name == "munge" else 0o755)
        home.chmod(0o755)
        (home / "munge").chmod(0o711)
        key = home / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        ports = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        (home / "slurm.conf").write_text(
            CONFIG.format(home=home, host=socket.gethostname().split(".")[0], ports=ports)
        )
        (home / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        self.environment = {**os.environ, "SLURM_CONF": str(home / "slurm.conf"), "OMP_NUM_THREADS": "1"}

    def start(self) -> None:
        """Start everything and wait until both nodes are idle."""
        m = self.home / "munge"
        files = ("key-file=key", "socket=socket", "pid-file=pid", "log-file=log", "seed-file=seed")
        self.call("munged", "--force", *(f"--{o.replace('=', f'={m}/', 1)}" for o in files))
        self.call("slurmctld", "-c")
        for node in NODES:
            self.start_node(node)
        self.wait(
            lambda: self.call("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == "2", 30, "two idle nodes"
        )

    def start_node(self, node: str) -> None:
        """Start the slurmd of a node."""
        self.call("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """The node is gone at once: its slurmd and everything below its step managers."""
        self._kill([int((self.home / f"{node}.pid").read_text()), *self.steps(node)])

    def steps(self, node: str) -> list[int]:
        """Step managers, batch shells and tasks on a node.

        Tasks are known by what Slurm puts into their environment, managers by being above them.
        """
        found = set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                env = process.environ()
                mine = env.get("SLURM_CONF") == self.environment["SLURM_CONF"]
                if mine and env.get("SLURMD_NODENAME") == node and "SLURM_JOB_ID" in env:
                    found.add(process.pid)
                    found |= {p.pid for p in process.parents() if p.name() == "slurmstepd"}
        return sorted(found)

    def workers(self, out: Path) -> list[int]:
        """Worker processes of an output folder."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if line[1:4] == ["-m", "eval_suite", "work"] and str(out) in line:  # not srun, which names it too
                found.append(process.pid)
        return found

    def call(self, *command: str, check: bool = True) -> str:
        """Run a program against this Slurm."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=150)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def wait(self, happened: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for something; says what did not happen."""
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                queue = self.call("squeue", "--states=all", check=False)
                raise TimeoutError(
                    f"no {what} within {seconds:g} s\n{queue}{self.call('sinfo', check=False)}"
                )
            time.sleep(0.3)

    def stop(self) -> None:
        """End all jobs and daemons."""
        self.call("scancel", "--full", "--user=root", check=False)
        time.sleep(1)
        mine = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]:
                    mine.append(process.pid)  # daemons, step managers, tasks
        munged = self.home / "munge" / "pid"
        self._kill([*mine, *([int(munged.read_text())] if munged.is_file() else [])])

    def _kill(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def slurm() -> Iterator[ThrowawaySlurm]:
    """The cluster; skips where the programs or the rights are not there."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"no throw-away Slurm: {'missing ' + ', '.join(missing) if missing else 'needs root'}")
    home = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = ThrowawaySlurm(home)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)
