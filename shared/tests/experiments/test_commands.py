"""The two commands and the Markdown they share: exit status, stale blocks, tables."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from shared.experiments import (
    ClaimsFile,
    SampledGroup,
    Summary,
    judge,
    readme_table,
    write_report,
    write_summary,
)
from shared.experiments import readme as readme_command
from shared.experiments.readme import replace_block
from shared.experiments.report import split_at_box
from shared.experiments.tables import arms_table, cost_table
from shared.experiments.verify_claims import main as verify

from .conftest import CLAIMS


@pytest.fixture()
def files(tmp_path: Path, summary: Summary) -> tuple[Path, Path]:
    claims = tmp_path / "claims.yaml"
    claims.write_text(json.dumps(CLAIMS))  # JSON is YAML
    write_summary(tmp_path / "summary.json", summary)
    return claims, tmp_path / "summary.json"


def test_verify_claims_passes_and_prints(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    claims, summary = files
    assert verify([str(claims), "--summary", str(summary)]) == 0
    printed = capsys.readouterr().out
    assert "beats-random" in printed and "no runs of fixed_teacher" in printed


def test_verify_claims_fails_when_a_supported_claim_is_lost(
    files: tuple[Path, Path], summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    claims, path = files
    runs = [replace(r, after=r.after | {"pass@1": 0.43}) if r.arm == "srt" else r for r in summary.runs]
    write_summary(path, replace(summary, runs=tuple(runs)))
    assert verify([str(claims), "--summary", str(path)]) == 1
    assert "beats-random is on record as supported and is not supported" in capsys.readouterr().err


def test_an_arm_that_was_not_run_fails_unless_partial(files: tuple[Path, Path]) -> None:
    claims, path = files
    plain = copy.deepcopy(CLAIMS)
    plain["claims"][-1]["expected"] = "supported"
    claims.write_text(json.dumps(plain))
    assert verify([str(claims), "--summary", str(path)]) == 1
    assert verify([str(claims), "--summary", str(path), "--partial"]) == 0


def test_unusable_input_is_one_sentence(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    claims, path = files
    assert verify([str(claims), "--summary", str(path.with_name("none.json"))]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_table_of_arms(summary: Summary, claims: ClaimsFile) -> None:
    table = arms_table(summary, claims)
    assert [row[0] for row in table.rows] == ["before training", *CLAIMS["arms"].values()]
    values = [r.after["pass@1"] for r in summary.of_arm("srt").values()]
    assert table.rows[1][1].startswith(f"{sum(values) / 3:.3f} \u00b1 ")
    assert [row[-1] for row in table.rows] == ["0.15", "0.32", "0.33", "\u2013", "\u2013"]
    assert all(len(row) == len(table.header) for row in table.rows)


def test_other_starts_get_their_own_row(summary: Summary, claims: ClaimsFile) -> None:
    runs = [replace(r, before=r.before | {"pass@1": 0.2}) if r.arm == "collapse" else r for r in summary.runs]
    names = [row[0] for row in arms_table(replace(summary, runs=tuple(runs)), claims).rows[:2]]
    assert names == [
        "before training (SRT and 2 more)",
        "before training (SRT, hard prompts)",
    ]


def test_a_dirty_checkout_stays_visible(summary: Summary, claims: ClaimsFile) -> None:
    dirty = replace(summary, git_sha="0123456789abcdef-dirty")
    assert "code 0123456789-dirty;" in readme_table(dirty, claims)


def test_cost_adds_up(summary: Summary, claims: ClaimsFile) -> None:
    assert cost_table(summary, claims).rows[-1][-1] == f"{sum(r.cpu_seconds for r in summary.runs):,.0f}"


def test_readme_block_is_rewritten_and_checked(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    claims, path = files
    readme = path.with_name("README.md")
    readme.write_text("# Top\n<!-- begin:results -->\nold\n<!-- end:results -->\nBelow\n")
    arguments = [str(readme), "--claims", str(claims), "--summary", str(path)]
    assert readme_command.main([*arguments, "--check"]) == 1
    assert "old" in readme.read_text()
    assert readme_command.main(arguments) == 0
    text = readme.read_text()
    assert text.startswith("# Top\n<!-- begin:results -->\n") and text.endswith(
        "<!-- end:results -->\nBelow\n"
    )
    assert "| SRT |" in text and "old" not in text
    assert readme_command.main([*arguments, "--check"]) == 0
    readme.write_text("no markers")
    assert readme_command.main(arguments) == 2
    assert "expected one <!-- begin:results -->" in capsys.readouterr().err


def test_blocks_with_other_names_are_left_alone() -> None:
    document = "<!-- begin:a -->x<!-- end:a --><!-- begin:b -->y<!-- end:b -->"
    changed = replace_block(document, "b", "z")
    assert changed == "<!-- begin:a -->x<!-- end:a --><!-- begin:b -->\n\nz\n\n<!-- end:b -->"
    assert replace_block(changed, "b", "z") == changed


def test_the_same_input_gives_the_same_report(
    tmp_path: Path, summary: Summary, claims: ClaimsFile, rollouts: list[SampledGroup]
) -> None:
    judged = summary.with_claims(judge(claims, summary))
    for name in ("one", "two"):
        write_report(tmp_path / name, judged, claims, claims.panels, rollouts, title="T", intro="I")
    names = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert [n.rsplit(".", 1)[1] for n in names] == ["png", "png", "html", "md"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    text = (tmp_path / "one" / "report.md").read_text()
    assert all(f"]({n})" in text for n in names if n.endswith("png"))
    assert readme_table(judged, claims).split("\n\n")[0] in text
    page = (tmp_path / "one" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page
    assert page.count("</script>") == 2


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("no box", ["no box", "", ""]),
        ("a \\boxed{1} b \\boxed{\\frac{1}{2}} c", ["a \\boxed{1} b ", "\\boxed{\\frac{1}{2}}", " c"]),
    ],
)
def test_the_last_box_is_cut_out(text: str, pieces: list[str]) -> None:
    assert split_at_box(text) == pieces
