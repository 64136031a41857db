"""Command line: judge the claims on stored results and say whether any stopped being supported.

``python -m shared.experiments.verify_claims srt/claims.yaml --summary srt/results/mini/summary.json``

Exit status: 0 all is as on record, 1 a claim recorded as supported is not, 2 unusable input.
It reads only; runs and their summaries are made by each paper's own command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.experiments.claims import ClaimsFile, read_claims
from shared.experiments.summary import ClaimResult, Standing, Summary, read_summary
from shared.experiments.tables import bounds, signed
from shared.experiments.verdicts import judge, regressions

_STYLE = {
    Standing.SUPPORTED: "green",
    Standing.NOT_SUPPORTED: "red",
    Standing.INCONCLUSIVE: "yellow",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; see the module for the exit status."""
    parser = argparse.ArgumentParser(
        prog="verify_claims", description="Judge a paper's claims on its results."
    )
    parser.add_argument("claims", type=Path, help="claims.yaml of the paper")
    parser.add_argument("--summary", type=Path, required=True, help="summary.json of its runs")
    parser.add_argument("--partial", action="store_true", help="claims whose arms were not run do not fail")
    options = parser.parse_args(arguments)
    try:
        claims, summary = read_claims(options.claims), read_summary(options.summary)
        results = judge(claims, summary)
    except ValueError as error:
        print(f"verify_claims: {error}", file=sys.stderr)
        return 2
    if not results:
        print(f"verify_claims: {options.claims} makes no claim at scale {summary.scale}", file=sys.stderr)
        return 2
    print_verdicts(claims, summary, results)
    lost = regressions(results, partial=options.partial)
    for result in lost:
        print(
            f"verify_claims: {result.id} is on record as supported and is {result.verdict.value}: "
            f"{result.deciding.reason}",
            file=sys.stderr,
        )
    return 1 if lost else 0


def print_verdicts(
    claims: ClaimsFile, summary: Summary, results: Sequence[ClaimResult], console: Console | None = None
) -> None:
    """The table of conditions with effect, interval, and what they rest on."""
    console = console or Console()
    if not console.is_terminal:
        console.width = 150
    table = Table(title=f"{summary.paper}, {summary.scale}, {summary.short_sha}", title_justify="left")
    for name in ("claim", "verdict", "condition"):
        table.add_column(name)
    for name in ("effect", "interval", "seeds", "problems", "se over problems"):
        table.add_column(name, justify="right")
    for result in results:
        for i, part in enumerate(result.parts):
            table.add_row(
                Text(result.id if i == 0 else ""),
                Text(result.verdict.value, style=_STYLE[result.verdict]) if i == 0 else Text(""),
                Text(f"{part.measure}\n{part.standing.value}: {part.reason}"),
                signed(part.effect),
                bounds(part.interval),
                str(len(part.seeds)),
                str(part.n_problems),
                "\u2013" if part.problem_se is None else f"{part.problem_se:.3f}",
            )
        table.add_section()
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
