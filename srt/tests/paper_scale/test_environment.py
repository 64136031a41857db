"""The GPU environment file and the full list of its versions agree with each other and with verl."""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
import yaml

HOME = Path(__file__).resolve().parents[2]


def pip_section() -> list[str]:
    document = yaml.safe_load((HOME / "environment.yml").read_text(encoding="utf-8"))
    return next(entry["pip"] for entry in document["dependencies"] if isinstance(entry, dict))


def name_of(requirement: str) -> str:
    return re.split(r"[\[=<>!; ]", requirement)[0].lower().replace("_", "-")


def constraints() -> dict[str, str]:
    lines = (HOME / "constraints-gpu.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name_of(name): version for name, version in pairs}


def test_every_direct_requirement_is_fixed_and_listed() -> None:
    direct = [line for line in pip_section() if not line.startswith("-")]
    listed = constraints()
    for line in direct:
        assert "==" in line, f"{line} is not fixed"
        assert listed[name_of(line)] == line.split("==")[1]
    assert {"torch", "verl", "vllm", "ray", "wandb", "transformers"} <= {name_of(line) for line in direct}


def test_the_packages_of_this_repository_are_installed_from_it() -> None:
    folders = [(HOME / line.removeprefix("-e ")).resolve() for line in pip_section() if line.startswith("-e")]
    assert folders == [HOME.parent / "shared", HOME]
    assert "-c constraints-gpu.txt" in pip_section()


def test_torch_and_vllm_are_those_that_verl_names_for_gpus() -> None:
    try:
        named = requires("verl") or []
    except PackageNotFoundError:
        pytest.skip("verl is not installed here")
    listed = constraints()
    pinned = [line for line in named if 'extra == "vllm"' in line and "==" in line.split(";")[0]]
    assert pinned
    for line in pinned:
        assert listed[name_of(line)] == line.split(";")[0].split("==")[1].strip()
