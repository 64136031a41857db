"""Write the table of faults survived, as the Slurm test found it, between the markers of a README."""

from __future__ import annotations

import json
import sys
from pathlib import Path

BEGIN, END = "<!-- faults: written by make e2e-slurm -->", "<!-- end of faults -->"


def table(rows: list[dict[str, object]]) -> str:
    """The rows as Markdown."""
    names = ("fault", "what", "lost", "made_twice", "report")
    lines = ["| fault | outcome | samples lost | made twice (counted once) | report |"]
    lines.append("|---" * len(names) + "|")
    lines += ["| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def main(found: Path, readme: Path) -> None:
    """Replace what stands between the markers."""
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{readme} has no markers {BEGIN} ... {END}")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    rows = json.loads(found.read_text(encoding="utf-8"))
    readme.write_text(f"{head}{BEGIN}\n{table(rows)}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
