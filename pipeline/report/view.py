"""Everything a report says, decided once: frames in, one frozen :class:`ReportView` out.

All arithmetic, sorting, rounding and wording happen here and in the modules of the sections, so
that the page, the text, the mail and the files cannot disagree.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.report import absent
from pipeline.report.analyses import Analyses, sections
from pipeline.report.model import Inputs, ReportView
from pipeline.report.sections import cluster_changes, data_quality, headline, outcomes, waste_charts
from pipeline.report.sections import forecast as ahead
from pipeline.report.sections.cards import cards
from pipeline.report.sections.findings_table import findings_table
from pipeline.report.sections.spend import by_day_and_project
from pipeline.report.text.rules import RuleText
from pipeline.report.totals import dates, gather
from pipeline.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    import pandas as pd

    from pipeline.model import Certificate, NotObserved
    from pipeline.report.given import Budgets, Forecast
    from pipeline.rules import Rule
    from pipeline.settings import Settings

__all__ = ["ReportView", "build"]


def build(
    *,
    settings: Settings,
    day: date | None,
    ledger: pd.DataFrame,
    utilization: pd.DataFrame,
    evidence: pd.DataFrame,
    findings: pd.DataFrame,
    certificates: Sequence[Certificate] = (),
    damaged: Sequence[str] = (),
    days: Collection[date] | None = None,
    version: str = "",
    rulebook: Sequence[Rule] = RULES,
    since: date | None = None,
    exclusion_costs: pd.DataFrame | None = None,
    forecast: Forecast | None = None,
    bridge: pd.DataFrame | None = None,
    budgets: Budgets | None = None,
    anomalies: pd.DataFrame | None = None,
    changed: pd.DataFrame | None = None,
    owner: str = "",
    owned: bool = False,
    unobservable_micros: int | None = None,
    inputs: Inputs | None = None,
    not_observed: Sequence[NotObserved] = (),
    untold: Sequence[NotObserved] = (),
) -> ReportView:
    """The view of the report of ``day``, the last closed day (None: no day is closed yet).

    Args:
        settings: currency, window, thresholds, rows shown.
        day: the report's date; the window are the days up to and with it.
        ledger: ledger rows of the window and, for the month to date, of the date's month.
        utilization: ``transform.utilization.rank`` of the window.
        evidence: ``transform.utilization.rank`` of the rules' window.
        findings: every cluster under every rule, as of ``day``.
        certificates: of the snapshots behind the window.
        damaged: stored files that were skipped because they are not what was written.
        days: the days that have a ledger, empty ones included; by default those with rows.
        version: the program's, for the footer.
        rulebook: the rules that were judged, for their names and thresholds.
        since: the date of the report before this one; by default the day before.
        exclusion_costs: ``transform.exclusions.costs``: match, rule, owner, reason, expires,
            is_expired, findings, cost_micros.
        forecast: ``transform.forecast.forecast`` of the month.
        bridge: ``transform.changes.bridge_rows`` (names the clusters that moved most) or
            ``bridge``.
        budgets: ``transform.budgets.evaluate``.
        anomalies: ``transform.anomalies.unusual_days``.
        changed: ``transform.changes.since`` the report before this one.
        owner: whose part of the fleet this is all about; empty for the whole.
        owned: tell who answers for what, by the ``owner`` of ledger and findings.
        unobservable_micros: an estimate of the window's money that no list can show.
        inputs: the findings it is made from, and what they were made without.
        not_observed: the accounts of which nothing is known on ``day``; the ledger has no row of
            theirs after their last day.
        untold: the same of the report of ``since``: this one tells what became of their findings.
    """
    facts = gather(
        currency=settings.currency,
        day=day,
        window_days=settings.report.window_days,
        ledger=ledger,
        utilization=utilization,
        findings=findings,
        days=days,
        damaged=len(damaged),
        not_observed=not_observed,
    )
    evidence_days = settings.rules.idle_window_days
    known_days = frozenset(dates(ledger) if days is None else days)
    spend_chart, projects, by_day = by_day_and_project(ledger, facts, known_days)
    counts = outcomes.outcome_counts(findings)
    wording = RuleText(settings, rulebook)
    given = Analyses()  # before a day is closed there is nothing to tell of any section
    if day is not None:
        given = Analyses(
            since=since or day - timedelta(days=1),
            untold=tuple(untold),
            exclusion_costs=exclusion_costs,
            forecast=forecast,
            bridge=bridge,
            budgets=budgets,
            anomalies=anomalies,
            changed=changed,
            owned=owned,
            unobservable_micros=unobservable_micros,
            inputs=inputs,
        )
    return ReportView(
        facts=facts,
        title=headline.title(facts, findings, evidence_days),
        subject=headline.subject(facts, owner),
        kicker=headline.kicker(facts, owner),
        lede=absent.sentence(facts)
        + headline.lede(
            facts,
            len(certificates),
            ahead.lede(given.forecast, given.budgets, settings.currency),
        ),
        cards=cards(facts, evidence_days, ahead.card(given.forecast, settings.currency)),
        spend_chart=spend_chart,
        projects=projects,
        by_day=by_day,
        waste_chart=waste_charts.waste_chart(facts, findings),
        use_chart=waste_charts.use_chart(facts, utilization, settings),
        findings=findings_table(
            facts,
            settings=settings,
            wording=wording,
            ledger=ledger,
            utilization=utilization,
            evidence=evidence,
            findings=findings,
        ),
        changes=cluster_changes.table(given.changed, facts, given.since),
        unjudged=outcomes.unjudged(findings, settings.currency, wording, facts.not_observed),
        outcomes=outcomes.outcomes(counts, wording),
        rules=wording.table(),
        trust=data_quality.trust(
            facts,
            ledger,
            findings,
            certificates,
            damaged,
            unobservable_micros,
            inputs.incomplete if inputs else (),
        ),
        method=data_quality.method(settings),
        footer=_footer(version),
        outcome_counts=counts,
        **sections(given, facts, wording, ledger, findings),
    )


def _footer(version: str) -> str:
    made = f"Made by FleetLedger {version}".strip()
    return f"{made}. All times are UTC. The same rows, unrounded, are in the CSV files beside this."
