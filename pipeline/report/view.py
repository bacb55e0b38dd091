"""Everything a report says, decided once: frames in, one frozen :class:`ReportView` out.

All arithmetic, sorting, rounding and wording happen here and in the modules of the sections, so
that the page, the text, the mail and the files cannot disagree.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pipeline.report import (
    ahead,
    causes,
    headline,
    judged,
    lives,
    pictures,
    silenced,
    statuses,
    trust,
)
from pipeline.report import owned as owned_by
from pipeline.report.cards import cards
from pipeline.report.facts import dates, gather
from pipeline.report.money_over_time import by_day_and_project
from pipeline.report.numbers import Money
from pipeline.report.parts import ReportView
from pipeline.report.rows import findings_table
from pipeline.report.wording import Wording
from pipeline.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from pipeline.model import Certificate
    from pipeline.report.given import Budgets, Forecast
    from pipeline.rules import Rule
    from pipeline.settings import Settings

__all__ = ["ReportView", "build"]

_TWO_WEEKS = 14

Days = tuple[date, date]
"""The first and the last day of a period."""


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
    bridge_days: tuple[Days, Days] | None = None,
    budgets: Budgets | None = None,
    anomalies: pd.DataFrame | None = None,
    changed: pd.DataFrame | None = None,
    owner: str = "",
    owned: bool = False,
    unobservable_micros: int | None = None,
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
        bridge_days: the first and last day of its periods, before and after; by default the last
            seven days against the seven before.
        budgets: ``transform.budgets.evaluate``.
        anomalies: ``transform.anomalies.unusual_days``.
        changed: ``transform.changes.since`` the report before this one.
        owner: whose part of the fleet this is all about; empty for the whole.
        owned: tell who answers for what, by the ``owner`` of ledger and findings.
        unobservable_micros: an estimate of the window's money that no list can show.
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
    )
    evidence_days = settings.rules.idle_window_days
    known_days = frozenset(dates(ledger) if days is None else days)
    spend_chart, projects, by_day = by_day_and_project(ledger, facts, known_days)
    counts = judged.outcome_counts(findings)
    wording = Wording(settings, rulebook)
    is_told = day is not None  # before a day is closed there is nothing to tell of any section
    if not is_told:
        exclusion_costs = forecast = bridge = budgets = anomalies = changed = None
    if day is not None:
        since = since or day - timedelta(days=1)
    life = lives.lives(findings, day, since)
    periods = bridge_days or _weeks(day)
    money = Money(settings.currency)
    owners = owned_by.by_owner(ledger, findings, facts) if owned and is_told else None
    return ReportView(
        facts=facts,
        title=headline.title(facts, findings, evidence_days),
        subject=headline.subject(facts, owner),
        kicker=headline.kicker(facts, owner),
        lede=headline.lede(
            facts,
            len(certificates),
            (
                ahead.short(forecast, money) if forecast else "",
                ahead.warning(budgets, money) if budgets else "",
            ),
        ),
        cards=cards(
            facts, evidence_days, ahead.card(forecast, settings.currency) if forecast else None
        ),
        spend_chart=spend_chart,
        projects=projects,
        by_day=by_day,
        waste_chart=pictures.waste_chart(facts, findings),
        use_chart=pictures.use_chart(facts, utilization, settings),
        findings=findings_table(
            facts,
            settings=settings,
            wording=wording,
            ledger=ledger,
            utilization=utilization,
            evidence=evidence,
            findings=findings,
        ),
        changes=statuses.table(changed, facts, since),
        unjudged=judged.unjudged(findings, settings.currency, wording),
        outcomes=judged.outcomes(counts, wording),
        rules=wording.table(),
        trust=trust.trust(facts, ledger, findings, certificates, damaged, unobservable_micros),
        method=trust.method(settings),
        footer=_footer(version),
        outcome_counts=counts,
        ahead=ahead.section(forecast, budgets, settings.currency),
        causes=None
        if bridge is None
        else causes.bridge_section(bridge, *periods, ledger, settings.currency),
        unusual=None if anomalies is None else causes.unusual_section(anomalies, facts),
        since=lives.section(life, wording, settings.currency, statuses.sentence(changed)),
        owners=None if owners is None else owned_by.section(owners, settings),
        exclusions=None
        if exclusion_costs is None
        else silenced.section(exclusion_costs, wording, settings.currency),
        more_numbers={
            **ahead.numbers(forecast, budgets),
            **causes.numbers(bridge, *periods, anomalies),
            **({"life": life.numbers()} if life else {}),
            **({} if changed is None else {"status_changes": statuses.numbers(changed)}),
            **({} if owners is None else {"owners": owned_by.numbers(owners)}),
            **silenced.numbers(exclusion_costs),
            **({} if unobservable_micros is None else {"unobservable_micros": unobservable_micros}),
        },
    )


def _weeks(day: date | None) -> tuple[Days, Days]:
    """The seven days up to ``day``, after the seven before them."""
    if day is None or day.toordinal() <= _TWO_WEEKS:
        return ((date.min, date.min),) * 2
    before, start, end = (day - timedelta(days=ago) for ago in (13, 7, 6))
    return (before, start), (end, day)


def _footer(version: str) -> str:
    made = f"Made by FleetLedger {version}".strip()
    return f"{made}. All times are UTC. The same rows, unrounded, are in the CSV files beside this."
