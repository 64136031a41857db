"""The exam on a Slurm cluster: job files rendered from typed settings, submission, progress."""

from eval_suite.slurm.render import JobFiles, render
from eval_suite.slurm.settings import ClusterSettings, read_settings

__all__ = ["ClusterSettings", "JobFiles", "read_settings", "render"]
