"""Since the last report: new findings, gone findings and why, and what acting on them saved.

Every sum is that of all its rows; rows that are not shown have a line of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.model import Section, Table
from pipeline.report.sections import cluster_changes, not_observed
from pipeline.report.summary import LifeNumbers
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, UNKNOWN, Money, count, count_of, day_short, known
from pipeline.transform.findings.by_cluster import clusters
from pipeline.transform.findings.lifecycle import REOPENED

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.tables import Record
    from pipeline.report.text.rules import RuleText
    from pipeline.transform.findings.follow_up import FollowUp
    from pipeline.transform.totals import Totals

_SHOWN = 20


def section(inputs: ReportInputs, totals: Totals) -> Section | None:
    """What became of clusters and of findings; None where there is nothing to report of either."""
    followed = inputs.followed
    period = inputs.review
    sentences = [*cluster_changes.sentences(inputs.status_changes)]
    tables: list[Table] = []
    if followed is not None:
        sentences += _sentences(followed, inputs.money, is_period=period is not None)
        tables = [
            _new(followed, inputs.rule_text, inputs.money),
            _gone(followed.gone, inputs.rule_text, inputs.money),
        ]
        if period is None:
            tables.append(_acted_on(followed.acted_on, inputs.rule_text, inputs.money))
    if period is not None and period.realised is not None and len(period.realised):
        sentences.append(_saved_in_period(period.realised, inputs))
        tables.append(_realised(period.realised, inputs.rule_text, inputs.money))
    if not sentences:
        return None
    return Section(
        key="since",
        title="Since the last report" if period is None else f"Changes {inputs.during()}",
        sentences=(*sentences, *not_observed.note(totals)),
        tables=(
            *(table for table in tables if table.rows),
            *cluster_changes.tables(inputs),
        ),
    )


def _sentences(followed: FollowUp, money: Money, *, is_period: bool) -> list[str]:
    counts = ["No new findings"]
    if len(followed.new):
        counts = [
            (
                f"{count_of(len(followed.new), 'new finding')} on "
                f"{count_of(len(clusters(followed.new)), 'cluster')}"
            )
        ]
    if len(followed.reopened):
        counts.append(f"{count(len(followed.reopened))} reopened")
    reasons = ", ".join(f"{why} {count(size)}" for why, size in followed.gone_reasons.items())
    counts.append(f"{count(len(followed.gone))} gone ({reasons})" if reasons else "none gone")
    sentences = [", ".join(counts) + "."]
    if followed.unjudged:
        sentences.append(
            f"{count_of(followed.unjudged, 'earlier finding')} could not be judged this time: "
            "unknown, not resolved."
        )
    if len(followed.acted_on) and not is_period:
        sentences.append(
            f"{count_of(len(followed.acted_on), 'cluster')} ended or stopped after a finding "
            f"(the API does not show by whom): {money.rounded(followed.realised_micros)} of the "
            f"{money.rounded(followed.promised_micros)} promised by now was not spent."
        )
    if followed.waiting_cost_micros:
        sentences.append(
            f"Clusters whose findings would save money have cost "
            f"{money.rounded(followed.waiting_cost_micros)} since they were first found."
        )
    return sentences


def _new(followed: FollowUp, rule_text: RuleText, money: Money) -> Table:
    rows = pd.concat([followed.new, followed.reopened], ignore_index=True)
    return top_table(
        "New findings",
        rows,
        (
            *_cluster_and_finding(rule_text),
            Field("Grade", lambda row: str(known(row["grade"]) or UNKNOWN)),
            _amount(f"Saving, 30{NBSP}d", "counted_saving_micros", money),
        ),
        _SHOWN,
        more="more",
        sum_label=f"All {count(len(rows))}",
    )


def _gone(gone: pd.DataFrame, rule_text: RuleText, money: Money) -> Table:
    return top_table(
        "Findings that are gone",
        gone,
        (
            *_cluster_and_finding(rule_text),
            Field("Reason", lambda row: str(known(row["gone_reason"]) or UNKNOWN)),
            _amount(f"Promised, 30{NBSP}d", "promised_micros", money),
        ),
        _SHOWN,
        more="more",
        sum_label=f"All {count(len(gone))}",
    )


def _acted_on(acted_on: pd.DataFrame, rule_text: RuleText, money: Money) -> Table:
    return top_table(
        "Realised savings",
        acted_on,
        (
            *_cluster_and_finding(rule_text),
            Field("Action", lambda row: str(known(row["gone_reason"]) or "reopened")),
            Field("Date", _gone_on),
            _amount("Promised by now", "promised_by_now_micros", money),
            _amount("Saved", "realised_micros", money),
        ),
        _SHOWN,
        more="more",
        sum_label=f"All {count(len(acted_on))}",
    )


def _saved_in_period(saved: pd.DataFrame, inputs: ReportInputs) -> str:
    return (
        f"{count_of(len(clusters(saved)), 'cluster')} ended or stopped after a finding (the API "
        f"does not show by whom): {inputs.money.rounded(int(saved['realised_micros'].sum()))} was "
        f"not spent {inputs.during()}."
    )


def _realised(saved: pd.DataFrame, rule_text: RuleText, money: Money) -> Table:
    """What was saved on the days of a period alone."""
    return top_table(
        "Realised savings",
        saved,
        (
            *_cluster_and_finding(rule_text),
            Field("Action", lambda row: str(known(row["gone_reason"]) or "reopened")),
            Field("Date", _gone_on),
            _amount("Saved", "realised_micros", money),
        ),
        _SHOWN,
        more="more",
        sum_label=f"All {count(len(saved))}",
    )


def _cluster_and_finding(rule_text: RuleText) -> tuple[Field, Field]:
    def finding(row: Record) -> str:
        return rule_text.name(str(row["rule_id"])) + (
            " (reopened)" if row["state"] == REOPENED else ""
        )

    return (
        Field("Cluster", lambda row: names.label(known(row["name"]), row["cluster_id"])),
        Field("Finding", finding),
    )


def _amount(label: str, column: str, money: Money) -> Field:
    return Field(
        label,
        lambda row: money.exact(known(row[column])),
        is_number=True,
        total=lambda rows: money.exact(int(rows[column].fillna(0).sum())),
    )


def _gone_on(row: Record) -> str:
    return UNKNOWN if known(row["gone_on"]) is None else day_short(row["gone_on"].date())


def numbers(inputs: ReportInputs) -> LifeNumbers | None:
    """The same for ``summary.json``."""
    followed = inputs.followed
    if followed is None:
        return None
    return LifeNumbers(
        new=len(followed.new),
        reopened=len(followed.reopened),
        gone=followed.gone_reasons,
        unjudged=followed.unjudged,
        waiting_cost_micros=followed.waiting_cost_micros,
        promised_micros=followed.promised_micros,
        realised_micros=followed.realised_micros,
    )
