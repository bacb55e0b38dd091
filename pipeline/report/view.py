"""The content of a report, made once: one :class:`ReportInputs` in, one frozen view out.

All arithmetic, sorting, rounding and phrasing happen in the modules of the sections, so that the
page, the text, the mail and the files cannot disagree. A new section is a module in ``sections/``
and its place in one of the two tuples here; the templates show what the tuples hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import ReportView, Section
from pipeline.report.sections import (
    budgets,
    cards,
    cluster_changes,
    data_quality,
    exclusions,
    finding_changes,
    findings_table,
    first_actions,
    forecast,
    headline,
    method,
    outcomes,
    owners,
    period,
    spend_by_day,
    spend_change,
    unused_spend,
    unusual_spend,
    waste_charts,
)
from pipeline.report.summary import Numbers
from pipeline.transform.totals import Totals, compute_totals

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.report.inputs import ReportInputs

    MakeSection = Callable[[ReportInputs, Totals], Section | None]

BEFORE_FINDINGS: tuple[MakeSection, ...] = (
    spend_change.section,
    forecast.section,
    unusual_spend.section,
)
"""The sections between the spend by day and the findings, in the order they are read."""
AFTER_FINDINGS: tuple[MakeSection, ...] = (
    finding_changes.section,
    unused_spend.section,
    owners.section,
    exclusions.section,
)
"""The sections after the findings, in the order they are read."""


NAMES_HIDDEN = (
    "Names of clusters, projects and owners are replaced by pseudonyms, the same in every report. "
    "Where FleetLedger runs, `fleetledger why` with the pseudonym or the id of a cluster shows its "
    "real names."
)


def build(inputs: ReportInputs) -> ReportView:
    """The view of the report of ``inputs.day``."""
    totals = totals_of(inputs)
    return ReportView(
        totals=totals,
        headline=headline.headline(inputs, totals),
        first=first_actions.first_actions(inputs),
        cards=cards.cards(inputs, totals),
        spend=spend_by_day.spend_by_day(inputs, totals),
        before_findings=_sections(BEFORE_FINDINGS, inputs, totals),
        waste_chart=waste_charts.waste_chart(inputs, totals),
        use_chart=waste_charts.use_chart(inputs),
        findings=findings_table.findings_table(inputs, totals),
        after_findings=_sections(AFTER_FINDINGS, inputs, totals),
        outcomes=outcomes.outcomes(inputs),
        rules=inputs.rule_text.table(),
        rule_ids=tuple(f"rule:{rule.id}" for rule in inputs.rules),
        data_quality=data_quality.data_quality(inputs, totals),
        method=method.method(inputs.settings),
        footer=_footer(inputs),
        numbers=_numbers(inputs),
    )


def totals_of(inputs: ReportInputs) -> Totals:
    """The sums that sections share."""
    return compute_totals(
        currency=inputs.settings.currency,
        day=inputs.day,
        window_days=inputs.settings.report.window_days,
        ledger=inputs.ledger,
        utilization=inputs.utilization,
        findings=inputs.findings,
        days=inputs.days,
        damaged=len(inputs.damaged),
        not_observed=inputs.not_observed,
    )


def _sections(
    makers: tuple[MakeSection, ...], inputs: ReportInputs, totals: Totals
) -> tuple[Section, ...]:
    """The sections that this report has; none before a day is closed."""
    if inputs.day is None:
        return ()
    sections = (make(inputs, totals) for make in makers)
    return tuple(section for section in sections if section is not None)


def _numbers(inputs: ReportInputs) -> Numbers:
    """The sections' numbers by their keys in ``summary.json``; none before a day is closed."""
    counts = outcomes.numbers(inputs.findings)
    if inputs.day is None:
        return Numbers(outcomes=counts)
    return Numbers(
        outcomes=counts,
        forecast=forecast.numbers(inputs.forecast),
        budgets=budgets.numbers(inputs.budgets),
        budget_alerts=budgets.alert_numbers(inputs.budgets),
        bridge=spend_change.numbers(inputs.spend_change),
        anomalies=unusual_spend.numbers(inputs.unusual_days),
        life=finding_changes.numbers(inputs),
        status_changes=cluster_changes.numbers(inputs.status_changes),
        owners=owners.numbers(inputs),
        exclusions=exclusions.numbers(inputs.exclusion_costs),
        unobservable_micros=inputs.unobserved_micros,
        inputs=inputs.provenance,
        account=inputs.account or None,
        period=period.numbers(inputs),
    )


def _footer(inputs: ReportInputs) -> str:
    made = f"Made by FleetLedger {inputs.version}".strip()
    text = f"{made}. All times are UTC. The CSV files have the same rows, unrounded."
    return f"{text} {NAMES_HIDDEN}" if inputs.settings.report.hide_names else text
