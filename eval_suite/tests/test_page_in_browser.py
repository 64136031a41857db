"""The HTML page in a real browser: silent console, right numbers, a working problem browser, hostile text."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_SOURCE = Path(__file__).resolve().parents[2] / "shared" / "tests" / "experiments" / "webdriver.py"


def _webdriver() -> ModuleType:
    """The few WebDriver commands that the other page test wrote, loaded by path."""
    spec = importlib.util.spec_from_file_location("report_webdriver", _SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["report_webdriver"] = module
    spec.loader.exec_module(module)
    return module


webdriver = _webdriver()
pytestmark = pytest.mark.skipif(
    not (webdriver.CHROMIUM and webdriver.DRIVER), reason="chromium and chromedriver are not installed"
)

HOSTILE = "</script><img src=x onerror=\"console.error('ran')\"> & <b>5</b> \\boxed{1}"


@pytest.fixture()
def page(
    evaluate: Callable[..., int], record: Callable[[dict[tuple[str, str], list[str]]], Path], tmp_path: Path
) -> Iterator[Any]:
    answers = {
        ("aime24", "0"): [HOSTILE, "\\boxed{1}"],
        ("aime24", "1"): ["\\boxed{9}", "\\boxed{2}"],
        ("aime24", "2"): ["\\boxed{9}", "\\boxed{8}"],
        ("mmlu_stem", "0"): ["\\boxed{A}", "\\boxed{A}"],
        ("mmlu_stem", "1"): ["\\boxed{A}", "\\boxed{B}"],
    }
    arguments = ["run", "--suite", "aime24,mmlu_stem", "--n", "2", "--backend", "replay"]
    assert evaluate(*arguments, "--recording", record(answers), "--out", tmp_path / "o") == 0
    with webdriver.Browser(tmp_path / "profile") as browser:
        browser.open(tmp_path / "o" / "report" / "default" / "report.html")
        yield browser


def choose(page: Any, field: str, value: str) -> list[str]:
    page.run(
        f"const f = document.getElementById('{field}'); f.value = '{value}';"
        "f.dispatchEvent(new Event('change')); f.dispatchEvent(new Event('input'));"
    )
    return list(
        page.run("return [...document.querySelectorAll('#problems summary')].map(s => s.textContent)")
    )


def test_page(page: Any, tmp_path: Path) -> None:
    rows = page.run("return [...document.querySelectorAll('tbody tr')].map(r => r.cells[0].textContent)")
    assert rows[:2] == ["aime24", "mmlu_stem"]
    assert page.run("return document.querySelectorAll('tbody tr')[0].cells[3].textContent").startswith("50.0")
    assert page.run("return document.querySelectorAll('figure svg').length") == 4
    assert page.run("return document.querySelectorAll('polyline.maj').length") == 2
    assert "No suite mean" in page.run("return document.querySelector('.card').textContent")
    assert len(choose(page, "filter", "all")) == 3
    assert [text.split()[0] for text in choose(page, "filter", "right")] == ["aime24/0"]
    assert [text.split()[0] for text in choose(page, "filter", "mixed")] == ["aime24/1"]
    assert [text.split()[0] for text in choose(page, "filter", "wrong")] == ["aime24/2"]
    choose(page, "filter", "all")
    assert [text.split()[0] for text in choose(page, "find", "What is 1")] == ["aime24/1"]
    choose(page, "find", "")
    assert len(choose(page, "task", "1")) == 2
    choose(page, "task", "0")
    page.run("document.querySelector('#problems details').open = true")
    page.settle()
    texts = page.run("return [...document.querySelectorAll('#problems pre')].map(p => p.textContent)")
    assert HOSTILE in texts  # shown as text ...
    assert page.run("return document.querySelectorAll('#problems img').length") == 0  # ... not run
    page.resize(420, 800)
    page.settle()
    assert page.run("return document.documentElement.scrollWidth <= window.innerWidth") is True
    assert page.console() == []
    page.screenshot(tmp_path / "page.png")
