"""A report's rows for spreadsheets and machines: its CSV files.

CSV as RFC 4180: comma, CRLF, quotes where needed, UTF-8 without a byte order mark, one header row.
Text that a spreadsheet would run as a formula gets an apostrophe in front; so does text that begins
with an apostrophe, hence removing one leading apostrophe gives every text back exactly. Numbers are
never touched: money is a plain decimal of the account's currency with six decimals, exact; times
are ISO 8601 in UTC with ``Z``; an unknown value is an empty cell.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.output import csv_cells
from pipeline.rules import FINDING, INSUFFICIENT_DATA
from pipeline.schema import CLUSTER_KEY, PROVABLE_WASTE
from pipeline.transform.findings.follow_up import last_known, promised_by_now
from pipeline.transform.fold import first_rows, number
from pipeline.transform.idle import of_findings
from pipeline.transform.owner_totals import with_owner
from pipeline.transform.spend import spend_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from pipeline.model import NotObserved
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.text.rules import RuleText

FINDINGS_COLUMNS = {
    "cluster_id": "The cluster's id.",
    "account": "The account's name in the settings.",
    "name": "The cluster's name.",
    "project_id": "Its project.",
    "rule_id": "The rule, by its stable id.",
    "outcome": "FINDING; for a finding that is gone or could not be judged again, its outcome now.",
    "grade": "suspected, likely or proven; empty where a rule does not grade.",
    "samples": "n: distinct clock hours in which a snapshot read the GPU of the running cluster.",
    "busy_share_bound": "Highest share of running time that may have been busy (95 %), 0-1.",
    "spend": "The cluster's spend of the trailing 30 days.",
    "provable_waste": f"{PROVABLE_WASTE} The proven waste of the headline is the sum over clusters "
    "of the largest amount in the rows with outcome FINDING, no exclusion, and grade proven or "
    "empty.",
    "action": "The action: terminate, stop, schedule, resize, move or review.",
    "counted_saving": "Its part of the fleet's saving over the next 30 days: proven and likely "
    "findings, at most what the cluster cost in the last 30 days.",
    "run_rate_saving": "The action's saving at the cluster's present rate, without that limit.",
    "suspected_saving": "What a suspicion may save where nothing of the cluster is counted.",
    "since": "Where the evidence begins: when the cluster was last busy in the rules' window, else "
    "when it was first seen in it. The grade was reached later.",
    "reason": "The reason, in one sentence with its numbers.",
    "rule_version": "The version of the rule.",
    "owner": "Its owner, from the owners file.",
    "exclusion": "The exclusion that covers it, and its reason.",
    "state": "new, open, reopened, unjudged, excluded or gone.",
    "first_seen": "The date it was first found.",
    "days_open": "Days from first_seen to the date it was gone, or to the report's date.",
    "waiting_cost": "What the cluster has cost on the days since it was first seen.",
    "gone_on": "The date it was gone; such rows are kept for 30 days.",
    "gone_reason": "terminated, stopped, cheaper, expired, ended by itself, resumed work, rule "
    "changed or no longer holds.",
    "promised_saving": "The saving over 30 days that it counted while it was open.",
    "promised_so_far": "The part of that for the days since it was gone, if it was acted on.",
    "realised_saving": "Spend avoided on those days, at most what was promised; on one finding per "
    "cluster.",
}
"""The columns of findings.csv, with their meaning."""
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
_INVISIBLE = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    r"\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What a spreadsheet may trim, or show as nothing: blanks, control and format characters."""
_LEADS = (
    r"=+\-@|%\u207a\u207c\u208a\u208c\u2a75\u2a76\ufb29\ufe62\ufe63\ufe66\ufe6a\ufe6b"
    r"\uff05\uff0b\uff0d\uff1d\uff20\uff5c"
)
"""What begins a formula, and what compatibility normalization makes of these characters."""
_RISKY = re.compile(rf"^(?:'|[\t\r\n\x00]|[{_INVISIBLE}]*[{_LEADS}])")
_BLOCK_ROWS = 65_536
_SEPARATES = re.compile(r'[,"\r\n]')


def csv_files(inputs: ReportInputs) -> dict[str, bytes]:
    """Every CSV file of a report, by name; what is not known is a file with a header only."""
    window, changes, unusual = inputs.window, inputs.status_changes, inputs.unusual_days
    spend = spend_rows(window).assign(owner=window["owner"].array)
    idle = of_findings(inputs.evidence, inputs.findings)
    first = first_rows(*number(window, CLUSTER_KEY))
    owned = window[[*CLUSTER_KEY, "owner"]].take(first)
    return {
        "findings.csv": to_csv(
            findings_rows(inputs.findings, inputs.day, inputs.rule_text, inputs.not_observed)
            if inputs.day is not None
            else pd.DataFrame(columns=[*FINDINGS_COLUMNS])
        ),
        "spend.csv": table_csv(spend),
        "utilization.csv": table_csv(with_owner(inputs.utilization, owned)),
        "idle.csv": table_csv(with_owner(idle, owned)),
        "unjudged.csv": to_csv(unjudged_rows(inputs.findings, inputs.rule_text)),
        "changes.csv": table_csv(changes)
        if changes is not None
        else to_csv(pd.DataFrame(columns=CHANGES_COLUMNS)),
        "anomalies.csv": table_csv(unusual)
        if unusual is not None
        else to_csv(pd.DataFrame(columns=ANOMALIES_COLUMNS)),
    }


def findings_rows(
    findings: pd.DataFrame, day: date, rule_text: RuleText, not_observed: Sequence[NotObserved] = ()
) -> pd.DataFrame:
    """Every FINDING, most provable money first; then those that are gone or could not be judged."""
    with_state = findings[(findings["outcome"] == FINDING) | findings["state"].notna()]
    ranked = with_state.assign(is_past=with_state["outcome"] != FINDING).sort_values(
        [
            "is_past",
            "provable_waste_micros",
            "gone_on",
            "spend_micros",
            *CLUSTER_KEY,
            "rule_id",
        ],
        ascending=[True, False, False, False, True, True, True],
        kind="stable",
    )
    return finding_cells(ranked, day, rule_text, not_observed)


def finding_cells(
    findings: pd.DataFrame, day: date, rule_text: RuleText, not_observed: Sequence[NotObserved] = ()
) -> pd.DataFrame:
    """Rows of ``schema.FINDINGS`` in the columns of findings.csv, in the order they have."""
    rows = rule_text.with_reasons(findings)
    # As of the last day each finding has data of.
    end = rows["gone_on"].fillna(last_known(rows, day, not_observed))
    rows = rows.assign(
        first_seen_on=rows["found_on"],
        days_open=(end - rows["found_on"]).dt.days.astype("Int64"),
        promised_saving_micros=rows["promised_micros"],
        promised_so_far_micros=promised_by_now(rows, day, not_observed),
        realised_saving_micros=rows["realised_micros"],
    ).drop(columns=["promised_micros", "realised_micros", "found_on"])
    return readable(rows)[list(FINDINGS_COLUMNS)]


def unjudged_rows(findings: pd.DataFrame, rule_text: RuleText) -> pd.DataFrame:
    """Every cluster that a rule could not judge, with the reason; most money first."""
    unjudged = findings[findings["outcome"] == INSUFFICIENT_DATA].sort_values(
        ["spend_micros", *CLUSTER_KEY, "rule_id"],
        ascending=[False, True, True, True],
        kind="stable",
    )
    return readable(rule_text.with_reasons(unjudged))[list(UNJUDGED_COLUMNS)]


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


def table_csv(rows: pd.DataFrame) -> bytes:
    """Rows of a table as one CSV file, made :func:`readable`."""
    return _file(readable(block) for block in _blocks(rows))


def to_csv(frame: pd.DataFrame) -> bytes:
    """``frame`` as one CSV file, its texts guarded."""
    return _file(_blocks(frame))


def _blocks(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows in parts: the cells of all at once need several times the memory of the file."""
    for at in range(0, max(len(frame), 1), _BLOCK_ROWS):
        yield frame.iloc[at : at + _BLOCK_ROWS]


def _file(blocks: Iterable[pd.DataFrame]) -> bytes:
    file = BytesIO()  # which gives its bytes without a copy
    for block in blocks:
        if not file.tell():
            file.write(csv_cells.header([quoted(name) for name in block.columns]))
        cells = [csv_cells.texts(block[name], _cell) for name in block.columns]
        file.writelines(csv_cells.lines(cells))
    return file.getvalue()


def _cell(text: str) -> str:
    return quoted(guarded(text))


def quoted(text: str) -> str:
    """``text`` as a cell: in quotes where it holds what separates cells."""
    return '"' + text.replace('"', '""') + '"' if _SEPARATES.search(text) else text


def guarded(text: str) -> str:
    """``text``, with an apostrophe in front where a spreadsheet could take it for a formula."""
    return f"'{text}" if _RISKY.match(text) else text
