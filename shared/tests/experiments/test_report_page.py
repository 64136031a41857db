"""The HTML page in a real browser: no console messages, filters, charts, hostile text, narrow screens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from shared.experiments import ClaimsFile, Panel, SampledGroup, Summary, judge, write_report

from .webdriver import CHROMIUM, DRIVER, Browser

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
)

LINES = "return document.querySelectorAll('#chart-list figure:first-child .mean').length"
SHOWN = "return [...document.querySelectorAll('.response .marks')].map(n => n.textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture()
def page(
    tmp_path: Path,
    browser: Browser,
    summary: Summary,
    claims: ClaimsFile,
    rollouts: list[SampledGroup],
) -> Browser:
    judged = summary.with_claims(judge(claims, summary))
    title = "Self-training <in> miniature"
    write_report(tmp_path, judged, claims, claims.panels, rollouts, title=title, intro="One.\n\nTwo & three.")
    browser.open(tmp_path / "report.html")
    return browser


def press(page: Browser, name: str) -> None:
    page.run(f"document.querySelector('[data-filter=\"{name}\"]').click()")


def test_it_draws_everything_without_a_word_on_the_console(page: Browser) -> None:
    assert page.run("return document.querySelectorAll('.claim').length") == 5
    assert page.run("return document.querySelectorAll('.forest circle').length") == 5
    assert page.run("return document.querySelectorAll('#chart-list figure').length") == 2
    assert page.run(LINES) == 4
    assert page.run("return document.title") == "Self-training <in> miniature"
    assert page.console() == []


def test_filters_show_what_they_say(page: Browser) -> None:
    assert page.run("return document.getElementById('rollout-count').textContent").startswith("80 responses")
    expected = {"right": 20, "wrong": 60, "voted": 40, "voted but wrong": 20}
    for name, responses in expected.items():
        press(page, name)
        count = page.run("return document.getElementById('rollout-count').textContent")
        assert count == f"{responses} responses to 20 problems"
        for mark in page.run(SHOWN):
            assert ("voted" in mark) if "voted" in name else name in mark
            assert "wrong" in mark or name != "voted but wrong"
    press(page, "all")
    page.run(
        "const s = document.querySelector('select'); s.value = 'srt'; s.dispatchEvent(new Event('change'))"
    )
    assert page.run("return document.getElementById('rollout-count').textContent").startswith("40 responses")
    assert page.run("return document.querySelectorAll('.group').length") == 10
    assert page.console() == []


def test_long_lists_are_shown_page_by_page(page: Browser) -> None:
    assert page.run("return document.querySelectorAll('.group').length") == 12
    page.run("document.querySelector('.more').click()")
    assert page.run("return document.querySelectorAll('.group').length") == 20
    assert page.run("return document.querySelector('.more')") is None


def test_text_of_a_model_stays_text(page: Browser) -> None:
    page.run(
        "const s = document.querySelector('input[type=search]'); s.value = 'onerror';"
        "s.dispatchEvent(new Event('input'))"
    )
    shown = page.run("return document.querySelector('.response pre').textContent")
    assert shown.startswith('</script><script>console.error("escaped")</script><img src=x')
    assert page.run("return document.images.length + document.scripts.length") == 2
    assert page.run("return document.querySelectorAll('mark').length") == 0
    assert page.console() == []


def test_the_box_is_marked(page: Browser) -> None:
    assert page.run("return document.querySelector('.response mark').textContent") == "\\boxed{0}"


def test_a_chart_answers_the_keyboard_and_its_legend(page: Browser) -> None:
    page.run(
        "const c = document.querySelector('.chart'); c.focus();"
        "for (const key of ['End', 'ArrowLeft']) c.dispatchEvent(new KeyboardEvent('keydown', {key}))"
    )
    tip = page.run("return document.querySelector('.tip').textContent")
    assert tip.startswith("step 44") and "ground truth" in tip
    page.run("document.querySelector('.legend button').click()")
    assert page.run(LINES) == 3
    assert page.run("return document.querySelector('.legend button').ariaPressed") == "false"
    page.run("document.querySelector('.chart').blur()")
    assert page.run("return document.querySelector('.tip').hidden") is True
    assert page.console() == []


def test_nothing_is_wider_than_a_narrow_screen(page: Browser) -> None:
    page.resize(420, 800)
    page.settle()
    assert page.run("return document.documentElement.scrollWidth <= innerWidth") is True
    assert page.console() == []
    page.resize(1200, 900)


def test_an_empty_report_says_so(tmp_path: Path, browser: Browser, claims: ClaimsFile) -> None:
    write_report(
        tmp_path, Summary("demo", "mini", "unknown", ()), claims, claims.panels, [], title="t", intro=""
    )
    browser.open(tmp_path / "report.html")
    assert browser.run("return document.querySelectorAll('.empty').length") == 3
    assert browser.console() == []


def test_labels_of_many_arms_neither_overlap_nor_leave_the_chart(
    tmp_path: Path, browser: Browser, claims: ClaimsFile, summary: Summary
) -> None:
    """Eight arms that all end at the bottom of the chart, with long names."""
    collapsed = [r for r in summary.runs if r.arm == "collapse"]
    runs = [replace(r, arm=f"a rather long name of an arm {i}") for i in range(8) for r in collapsed]
    many = replace(summary, runs=tuple(runs))
    write_report(tmp_path, many, claims, [Panel("eval/pass@1", "t")], [], title="t", intro="")
    browser.open(tmp_path / "report.html")
    place = "n => n.getBoundingClientRect().toJSON()"
    boxes = browser.run(f"return [...document.querySelectorAll('.chart text.label')].map({place})")
    chart = browser.run(f"return ({place})(document.querySelector('.chart'))")
    assert len(boxes) == 8
    tops = sorted(b["top"] for b in boxes)
    assert min(b - a for a, b in pairwise(tops)) >= 14
    assert all(b["bottom"] <= chart["bottom"] and b["right"] <= chart["right"] + 1 for b in boxes)
