"""``python -m srt.render_scripts``: writes ``srt/scripts`` from ``configs/scripts.yaml`` and ``paper.yaml``.

One thin shell script a run, two Slurm scripts that take any of them, the level-by-level chain and the
evaluation. ``--check`` writes nothing and fails when a script is not what it would be.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from shared.data.cards import card_names, load_card
from shared.training import EXIT_INTERRUPTED

HOME = Path(__file__).resolve().parents[2]
SCRIPTS = HOME / "scripts"
CONFIGS = HOME / "configs"


class Strict(BaseModel):
    """A YAML section: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Slurm(Strict):
    """Resources and deadlines of the Slurm scripts; seconds where not said otherwise."""

    time: str = Field(pattern=r"^(\d+-)?\d\d:\d\d:\d\d$")
    cpus_per_gpu: int = Field(gt=0)
    grace: int = Field(gt=0)
    nodes: int = Field(gt=1)
    port: int = Field(gt=1023, lt=65536)
    ready: int = Field(gt=0)


class Run(Strict):
    """One script: an arm, what else it sets, and whether it needs votes of the starting model."""

    about: str
    arm: str = Field(pattern=r"^\w+$")
    overrides: tuple[str, ...] = ()
    base_votes: bool = False


class Plan(Strict):
    """``configs/scripts.yaml``."""

    slurm: Slurm
    runs: dict[str, Run]


def read_plan(path: Path = CONFIGS / "scripts.yaml") -> Plan:
    """The plan, checked.

    Raises:
        ValueError: a key or value that does not fit, or an arm that does not exist.
    """
    try:
        plan = Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ValueError(f"{path.name}: {error}") from error
    arms = {p.stem for p in (CONFIGS / "arm").glob("*.yaml")}
    for name, run in plan.runs.items():
        if run.arm not in arms:
            raise ValueError(
                f"{path.name}: {name} names the arm {run.arm!r}; there are: {', '.join(sorted(arms))}"
            )
    return plan


def gym_levels() -> dict[str, list[int]]:
    """Levels of each Reasoning Gym task that have a data card, in order."""
    levels: dict[str, list[int]] = {}
    for name in card_names():
        if name.startswith("rg_") and not name.endswith("_test"):
            generator = load_card(name).generator
            if generator is not None:
                levels.setdefault(name.split("_")[1], []).append(generator.level)
    return {task: sorted(numbers) for task, numbers in levels.items()}


def render(plan: Plan) -> dict[str, str]:
    """File name -> text of every script; pure but for reading templates and ``paper.yaml``."""
    paper = yaml.safe_load((CONFIGS / "paper.yaml").read_text(encoding="utf-8"))
    shared: dict[str, Any] = {
        "gpus": paper["engine"]["gpus_per_node"],
        "slurm": plan.slurm,
        "levels": gym_levels(),
        "interrupted": EXIT_INTERRUPTED,
    }
    environment = Environment(
        loader=FileSystemLoader(SCRIPTS / "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # shell, not HTML
        variable_start_string="{{",
        comment_start_string="{##",  # ${#array[@]} is shell
        comment_end_string="##}",
    )
    template = environment.get_template("run.sh.j2")
    texts = {f"{name}.sh": template.render(name=name, run=run, **shared) for name, run in plan.runs.items()}
    for name in ("single_node.sbatch", "multi_node.sbatch", "reasoning_gym.sh", "evaluate.sh"):
        texts[name] = environment.get_template(f"{name}.j2").render(**shared)
    return texts


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m srt.render_scripts", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail on differences")
    given = parser.parse_args(argv)
    texts = render(read_plan())
    stale = []
    for name, text in texts.items():
        path = SCRIPTS / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not given.check:
                path.write_text(text, encoding="utf-8")
                path.chmod(0o755)
    if given.check and stale:
        print(
            f"error: {', '.join(stale)} differ from the plan: python -m srt.render_scripts", file=sys.stderr
        )
        return 1
    print(f"{len(texts)} scripts, {len(stale)} {'stale' if given.check else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
