"""The same results for spreadsheets and machines: CSV files and ``summary.json``.

CSV as RFC 4180: comma, CRLF, quotes where needed, UTF-8 without a byte order mark, one header row.
Text that a spreadsheet would run as a formula gets an apostrophe in front; so does text that begins
with an apostrophe, hence removing one leading apostrophe gives every text back exactly. Numbers are
never touched: money is a plain decimal of the account's currency with six decimals, exact; times
are ISO 8601 in UTC with ``Z``; an unknown value is an empty cell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from pipeline.report import absent
from pipeline.report.output import csv_cells
from pipeline.report.totals import CLUSTER
from pipeline.rules import FINDING, INSUFFICIENT_DATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pipeline.model import NotObserved
    from pipeline.report.model import ReportView
    from pipeline.report.text.rules import RuleText

FINDINGS_COLUMNS = {
    "cluster_id": "The cluster's id.",
    "account": "The account's name in the settings.",
    "name": "The cluster's name.",
    "project_id": "Its project.",
    "rule_id": "The rule, by its stable id.",
    "outcome": "FINDING; of findings that are gone or could not be judged again, what it is now.",
    "grade": "suspected, likely or proven; empty where a rule does not grade.",
    "samples": "n: distinct clock hours with a running look that read the GPU.",
    "busy_share_bound": "Highest busy share not excluded (95 %), 0-1.",
    "spend": "The cluster's spend of the trailing 30 days.",
    "provable_waste": "Waste in the rules' window (14 days unless set) that the evidence proves; "
    "how sure that is, the grade says.",
    "action": "What to do: terminate, stop, schedule, resize, move, review.",
    "counted_saving": "Its share of the fleet's saving over the next 30 days.",
    "since": "Since when the evidence holds.",
    "reason": "Why, in one sentence with its numbers.",
    "rule_version": "The version of the rule that spoke.",
    "owner": "Who answers for it, by the owners file.",
    "exclusion": "The exclusion that silences it, and its reason.",
    "state": "new, open, reopened, unjudged, excluded or gone.",
    "first_seen": "The first date it was found on.",
    "days_open": "Days from then to the date it was gone, or to the report's.",
    "waiting_cost": "What doing nothing has cost since it was first seen.",
    "gone_on": "The date it was gone; such rows stay for 30 days.",
    "gone_reason": "terminated, stopped, cheaper, resumed work, rule changed or no longer holds.",
    "promised_saving": "Saving of 30 days it counted while it was open.",
    "promised_so_far": "The part of that for the days since it was gone, if somebody acted on it.",
    "realised_saving": "Expected spend less spend on those days; on one finding of a cluster.",
}
"""Of findings.csv, with their meaning."""
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
ACTED_ON = ("terminated", "stopped", "cheaper")
"""Reasons to be gone that somebody has brought about."""
FOLLOWED_DAYS = 30
"""A saving is promised, and followed, for as many days."""

_INVISIBLE = "\\s\u00a0\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\x00-\x1f\x7f"
_RISKY = re.compile(rf"^(?:'|[\t\r\n\x00]|[{_INVISIBLE}]*[=+\-@＝＋－＠|%])")  # noqa: RUF001
_SEPARATES = re.compile(r'[,"\r\n]')


def csv_files(
    *,
    spend: pd.DataFrame,
    utilization: pd.DataFrame,
    idle: pd.DataFrame,
    findings: pd.DataFrame,
    wording: RuleText,
    day: date | None = None,
    changed: pd.DataFrame | None = None,
    anomalies: pd.DataFrame | None = None,
    not_observed: Sequence[NotObserved] = (),
) -> dict[str, bytes]:
    """Every CSV file of a report, by name.

    ``changed`` is ``transform.changes.since`` and ``anomalies`` is
    ``transform.anomalies.unusual_days``; what is not known is a file with a header only.
    """
    rows = (
        pd.DataFrame(columns=[*FINDINGS_COLUMNS])
        if day is None
        else findings_rows(findings, day, wording, not_observed)
    )
    return {
        "findings.csv": to_csv(rows),
        "spend.csv": to_csv(readable(_owned(spend))),
        "utilization.csv": to_csv(readable(_owned(utilization))),
        "idle.csv": to_csv(readable(_owned(idle))),
        "unjudged.csv": to_csv(unjudged_rows(findings, wording)),
        "changes.csv": to_csv(
            readable(changed) if changed is not None else pd.DataFrame(columns=CHANGES_COLUMNS)
        ),
        "anomalies.csv": to_csv(
            readable(anomalies)
            if anomalies is not None
            else pd.DataFrame(columns=ANOMALIES_COLUMNS)
        ),
    }


def _owned(rows: pd.DataFrame) -> pd.DataFrame:
    """With the ``owner`` last, unknown where nobody was looked up."""
    owner = rows["owner"] if "owner" in rows else pd.Series(None, rows.index, dtype="object")
    return rows.drop(columns="owner", errors="ignore").assign(owner=owner)


def findings_rows(
    findings: pd.DataFrame, day: date, wording: RuleText, not_observed: Sequence[NotObserved] = ()
) -> pd.DataFrame:
    """Every FINDING, most provable money first; then what became of those that no longer are."""
    lived = findings[(findings["outcome"] == FINDING) | findings["state"].notna()]
    first = lived.assign(is_past=lived["outcome"] != FINDING).sort_values(
        ["is_past", "provable_waste_micros", "gone_on", "spend_micros", *CLUSTER, "rule_id"],
        ascending=[True, False, False, False, True, True, True],
        kind="stable",
    )
    lives = _lived(wording.with_reasons(first), day, not_observed)
    return readable(lives)[list(FINDINGS_COLUMNS)]


def _lived(findings: pd.DataFrame, day: date, not_observed: Sequence[NotObserved]) -> pd.DataFrame:
    """With the life of each, as of the last day anything is known of it."""
    end = findings["gone_on"].fillna(last_known(findings, day, not_observed))
    return findings.assign(
        first_seen_on=findings["found_on"],
        days_open=(end - findings["found_on"]).dt.days.astype("Int64"),
        promised_saving_micros=findings["promised_micros"],
        promised_so_far_micros=promised_so_far(findings, day, not_observed),
        realised_saving_micros=findings["realised_micros"],
    ).drop(columns=["promised_micros", "realised_micros", "found_on"])


def last_known(
    findings: pd.DataFrame, day: date, not_observed: Sequence[NotObserved] = ()
) -> pd.Series[Any]:
    """The last day anything is known of each finding: ``day``, or that of its account."""
    ends = {name: pd.Timestamp(last) for name, last in absent.last_days(not_observed).items()}
    known = [ends.get(name, pd.Timestamp(day)) for name in findings["account"].astype("object")]
    return pd.Series(known, index=findings.index, dtype="datetime64[us]")


def promised_so_far(
    findings: pd.DataFrame, day: date, not_observed: Sequence[NotObserved] = ()
) -> pd.Series[Any]:
    """What those that were acted on were to save from then on, as far as that is known: at most 30
    days of it.
    """
    acted = findings["gone_reason"].astype("object").isin(ACTED_ON)
    age = (last_known(findings, day, not_observed) - findings["gone_on"]).dt.days
    days = age.clip(upper=FOLLOWED_DAYS).astype("Int64")
    due: pd.Series[Any] = findings["promised_micros"].astype("Int64") * days // FOLLOWED_DAYS
    return due.where(acted)


def unjudged_rows(findings: pd.DataFrame, wording: RuleText) -> pd.DataFrame:
    """Every cluster a rule could not judge, and why; most money first."""
    unjudged = findings[findings["outcome"] == INSUFFICIENT_DATA].sort_values(
        ["spend_micros", *CLUSTER, "rule_id"], ascending=[False, True, True, True], kind="stable"
    )
    return readable(wording.with_reasons(unjudged))[list(UNJUDGED_COLUMNS)]


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Money as decimals without the unit in the name, times with ``Z``, dates as dates."""
    out = {}
    for name in frame.columns:
        values = frame[name]
        if name.endswith("_micros"):
            out[name.removesuffix("_micros")] = csv_cells.decimals(values)
        elif name.endswith("_at"):
            out[name if name != "since_at" else "since"] = csv_cells.instants(values)
        elif name == "date" or name.endswith("_on"):
            out[name if name != "first_seen_on" else "first_seen"] = csv_cells.days(values)
        else:
            out[name] = values
    return pd.DataFrame(out, index=frame.index)


def to_csv(frame: pd.DataFrame) -> bytes:
    """``frame`` as one CSV file, its texts guarded."""
    return csv_cells.joined(
        [quoted(name) for name in frame.columns],
        [
            csv_cells.texts(frame[name], lambda text: quoted(guarded(text)))
            for name in frame.columns
        ],
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
