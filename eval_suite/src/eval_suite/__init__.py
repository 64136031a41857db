"""eval_suite: the exam for all papers and for anyone's checkpoint.

``registry`` says what is asked, ``plan`` renders it, ``shared.generation`` answers it resumably,
``score`` judges, ``measure`` and ``aggregate`` do the statistics, ``report``, ``page`` and
``compare`` show them. The command line (``python -m eval_suite``) is a thin layer over these.
"""

from eval_suite.aggregate import Aggregate, aggregate
from eval_suite.compare import compare_runs
from eval_suite.layout import OutputFolder
from eval_suite.measure import TaskResult, measure_task
from eval_suite.plan import Changes, TaskPlan, plan_task
from eval_suite.registry import Profile, Task, profile, profiles, select, tasks

__all__ = [
    "Aggregate",
    "Changes",
    "OutputFolder",
    "Profile",
    "Task",
    "TaskPlan",
    "TaskResult",
    "aggregate",
    "compare_runs",
    "measure_task",
    "plan_task",
    "profile",
    "profiles",
    "select",
    "tasks",
]
