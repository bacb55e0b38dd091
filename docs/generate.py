"""Generates the pages of docs/ that follow from the code: ``python -m docs.generate [--check]``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import page as benchmarks
from pipeline import rules, schema
from pipeline.focus.columns import VERSIONS, table_of
from pipeline.report.output.csv_files import FINDINGS_COLUMNS

HERE = Path(__file__).parent


def columns() -> str:
    """docs/columns.md: every table and column, from ``pipeline/schema.py``."""
    parts = [
        "# Columns",
        "",
        "Generated from `pipeline/schema.py` by `make docs`. Null means unknown; zero means zero.",
        "Money is in micros: 1,000,000 of them are one unit of the account's currency.",
    ]
    for table in schema.TABLES:
        parts += ["", f"## {table.name}", "", f"One row is {table.row}.", ""]
        parts += [table.note, ""] if table.note else []
        parts += ["| column | type | null? | meaning |", "| --- | --- | --- | --- |"]
        for column in table.columns:
            null = "yes" if column.nullable else ""
            place = " *(in the path)*" if column.in_path else ""
            kind = str(column.type).split("<", maxsplit=1)[0].split("[", maxsplit=1)[0]
            parts.append(f"| `{column.name}` | {kind} | {null} | {column.meaning}{place} |")
    parts += ["", "## findings.csv", "", "One row is one finding, open or of the last 30 days."]
    parts += ["Money is in the account's currency.", "", "| column | meaning |", "| --- | --- |"]
    parts += [f"| `{name}` | {meaning} |" for name, meaning in FINDINGS_COLUMNS.items()]
    tables = "spend.csv, utilization.csv and idle.csv"
    parts += ["", f"{tables} have the columns of their tables above, and the `owner`."]
    return "\n".join(parts) + "\n"


def focus_columns() -> str:
    """docs/focus-columns.md: the columns of the export, from ``pipeline/focus/columns.py``."""
    tables = {version: table_of(version) for version in VERSIONS}
    every = {column.name: column for table in tables.values() for column in table.columns}
    parts = [
        "# Columns of the FOCUS export",
        "",
        "Generated from `pipeline/focus/columns.py` by `make docs`. One row is",
        f"{tables['1.2'].row}.",
        "[What the export lacks](focus-conformance.md).",
        "",
        "| column | version | type | null? | value |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in sorted(every):
        column = every[name]
        versions = [version for version, table in tables.items() if name in table.names]
        null = "yes" if column.nullable else ""
        kind = str(column.type).replace("128", "").replace("[us, tz=UTC]", "")
        parts.append(f"| `{name}` | {', '.join(versions)} | {kind} | {null} | {column.meaning} |")
    return "\n".join(parts) + "\n"


PAGES = {
    "columns.md": columns,
    "findings.md": rules.to_markdown,
    "focus-columns.md": focus_columns,
    "benchmarks.md": benchmarks.page,
}


def main() -> int:
    """Write the pages; with ``--check``, only print which of them are stale."""
    is_check = "--check" in sys.argv[1:]
    stale = []
    for name, page in PAGES.items():
        path = HERE / name
        text = page()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not is_check:
            path.write_text(text, encoding="utf-8")
    if is_check and stale:
        print(f"docs/{', docs/'.join(stale)}: stale; run `make docs`")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
