"""The same results for spreadsheets and machines: CSV files and ``summary.json``.

CSV as RFC 4180: comma, CRLF, quotes where needed, UTF-8 without a byte order mark, one header row.
Text that a spreadsheet would run as a formula gets an apostrophe in front; so does text that begins
with an apostrophe, hence removing one leading apostrophe gives every text back exactly. Numbers are
never touched: money is a plain decimal of the account's currency with six decimals, exact; times
are ISO 8601 in UTC with ``Z``; an unknown value is an empty cell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pandas as pd

from pipeline.report import cells
from pipeline.report.facts import CLUSTER
from pipeline.rules import FINDING, INSUFFICIENT_DATA

if TYPE_CHECKING:
    from pipeline.report.parts import ReportView

FINDINGS_COLUMNS = (
    "cluster_id",
    "account",
    "name",
    "project_id",
    "rule_id",
    "outcome",
    "grade",
    "samples",
    "busy_share_bound",
    "spend",
    "provable_waste",
    "action",
    "counted_saving",
    "since",
    "reason",
    "rule_version",
)
UNJUDGED_COLUMNS = ("cluster_id", "account", "name", "project_id", "rule_id", "spend", "reason")
CHANGES_COLUMNS = (
    "cluster_id",
    "account",
    "name",
    "project_id",
    "change",
    "status_before",
    "status",
    "spend_before",
    "spend",
)
ANOMALIES_COLUMNS = ("date", "cut", "group", "spend", "usual", "deviation", "score")
SUMMARY_FORMAT = 1

_INVISIBLE = "\\s\u00a0\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\x00-\x1f\x7f"
_RISKY = re.compile(rf"^(?:'|[\t\r\n\x00]|[{_INVISIBLE}]*[=+\-@＝＋－＠|%])")  # noqa: RUF001
_SEPARATES = re.compile(r'[,"\r\n]')


def csv_files(
    *,
    spend: pd.DataFrame,
    utilization: pd.DataFrame,
    idle: pd.DataFrame,
    findings: pd.DataFrame,
    changed: pd.DataFrame | None = None,
    anomalies: pd.DataFrame | None = None,
) -> dict[str, bytes]:
    """Every CSV file of a report, by name.

    ``changed`` is ``transform.changes.since`` and ``anomalies`` is
    ``transform.anomalies.unusual_days``; what is not known is a file with a header only.
    """
    return {
        "findings.csv": to_csv(findings_rows(findings)),
        "spend.csv": to_csv(readable(spend)),
        "utilization.csv": to_csv(readable(utilization)),
        "idle.csv": to_csv(readable(idle)),
        "unjudged.csv": to_csv(unjudged_rows(findings)),
        "changes.csv": to_csv(
            readable(changed) if changed is not None else pd.DataFrame(columns=CHANGES_COLUMNS)
        ),
        "anomalies.csv": to_csv(
            readable(anomalies)
            if anomalies is not None
            else pd.DataFrame(columns=ANOMALIES_COLUMNS)
        ),
    }


def findings_rows(findings: pd.DataFrame) -> pd.DataFrame:
    """Every FINDING, most provable money first."""
    found = findings[findings["outcome"] == FINDING].sort_values(
        ["provable_waste_micros", "spend_micros", *CLUSTER, "rule_id"],
        ascending=[False, False, True, True, True],
        kind="stable",
    )
    return readable(found)[list(FINDINGS_COLUMNS)]


def unjudged_rows(findings: pd.DataFrame) -> pd.DataFrame:
    """Every cluster a rule could not judge, and why; most money first."""
    unjudged = findings[findings["outcome"] == INSUFFICIENT_DATA].sort_values(
        ["spend_micros", *CLUSTER, "rule_id"], ascending=[False, True, True, True], kind="stable"
    )
    return readable(unjudged)[list(UNJUDGED_COLUMNS)]


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Money as decimals without the unit in the name, times with ``Z``, dates as dates."""
    out = {}
    for name in frame.columns:
        values = frame[name]
        if name.endswith("_micros"):
            out[name.removesuffix("_micros")] = cells.decimals(values)
        elif name.endswith("_at"):
            out[name if name != "since_at" else "since"] = cells.instants(values)
        elif name == "date" or name.endswith("_on"):
            out[name] = cells.days(values)
        else:
            out[name] = values
    return pd.DataFrame(out, index=frame.index)


def to_csv(frame: pd.DataFrame) -> bytes:
    """``frame`` as one CSV file, its texts guarded."""
    return cells.joined(
        [quoted(name) for name in frame.columns],
        [cells.texts(frame[name], lambda text: quoted(guarded(text))) for name in frame.columns],
    )


def quoted(text: str) -> str:
    """``text`` as a cell: in quotes where it holds what separates cells."""
    return '"' + text.replace('"', '""') + '"' if _SEPARATES.search(text) else text


def guarded(text: str) -> str:
    """``text``, with an apostrophe in front where a spreadsheet could take it for a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def unguarded(text: str) -> str:
    """The text :func:`guarded` was given."""
    return text.removeprefix("'")


def summary(view: ReportView) -> bytes:
    """``summary.json``: the headline's numbers in micros, and each rule's outcomes counted."""
    document = {
        "format": SUMMARY_FORMAT,
        "title": view.title,
        **msgspec.to_builtins(view.facts),
        "outcomes": view.outcome_counts,
        **view.more_numbers,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
