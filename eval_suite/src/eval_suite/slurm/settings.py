"""What a cluster wants to be told: typed, checked before anything is rendered.

Read from a YAML file (``--cluster``), overridden by options of ``submit``. Values that go into
``#SBATCH`` lines are restricted to harmless characters; ``setup`` is shell by intention.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Word = Annotated[str, Field(pattern=r"^[\w.:/@+,=%\[\]-]+$")]
"""One word of a Slurm option: no blanks, quotes or shell characters."""


class ClusterSettings(BaseModel):
    """One job of independent replicas and the job that finishes after it.

    Attributes:
        form: ``nodes`` is one job over all nodes; ``array`` is one single-node job for each, which
            start when there is room and fail alone.
        replicas_per_node: engines on a node, one task each.
        gpus_per_replica: 0 on CPU partitions; with vLLM the tensor-parallel size.
        memory: Slurm's ``--mem``; 0 is all of the node.
        warning: seconds before the time limit at which workers are told to finish what they began.
        drain: seconds of those that they may use; the rest is for leaving and requeueing.
        max_requeues: a job that comes back this often stops instead.
        finish_cpus, finish_time: of the job that merges, scores and reports.
        setup: shell lines before the work: ``module load ...``, ``source .venv/bin/activate``.
        container: image for ``srun --container-image`` (the Pyxis plugin).
        python: interpreter on the nodes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Word = "exam"
    form: Literal["nodes", "array"] = "nodes"
    nodes: int = Field(1, ge=1)
    replicas_per_node: int = Field(1, ge=1)
    gpus_per_replica: int = Field(0, ge=0)
    cpus_per_replica: int = Field(8, ge=1)
    memory: Word = "0"
    time: str = Field("24:00:00", pattern=r"^(\d+-)?\d{1,2}:\d\d:\d\d$")
    warning: int = Field(600, ge=10)
    drain: int = Field(480, ge=0)
    max_requeues: int = Field(20, ge=0)
    finish_cpus: int = Field(8, ge=1)
    finish_time: str = Field("04:00:00", pattern=r"^(\d+-)?\d{1,2}:\d\d:\d\d$")
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Word | None = None
    setup: tuple[str, ...] = ()
    container: Word | None = None
    python: Word = "python"

    @model_validator(mode="after")
    def _drain_in_time(self) -> ClusterSettings:
        if self.drain + 5 > self.warning:
            raise ValueError(f"drain {self.drain} s does not fit into the warning of {self.warning} s")
        if 2 * self.warning > self.seconds:
            raise ValueError(f"warning {self.warning} s is more than half of the time limit {self.time}")
        return self

    @property
    def seconds(self) -> int:
        """The time limit."""
        days, _, clock = self.time.rpartition("-")
        hours, minutes, seconds = map(int, clock.split(":"))
        return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds

    @property
    def replicas(self) -> int:
        """Workers altogether."""
        return self.nodes * self.replicas_per_node


def read_settings(path: Path | None, changes: dict[str, Any]) -> ClusterSettings:
    """Settings of a file (or the defaults) with ``changes`` that are not ``None`` put over them.

    Raises:
        ValueError: a key or value is not allowed; says which.
        FileNotFoundError: there is no such file.
    """
    body: Any = {} if path is None else yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(body, dict):
        raise ValueError(f"{path} is not a mapping of settings")
    merged = body | {key: value for key, value in changes.items() if value is not None}
    try:
        return ClusterSettings(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "cluster settings"
        raise ValueError(f"{path or 'submit'}: {where}: {first['msg']}") from None
