"""What a report may be given besides its ledger and findings, and the sections made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from pipeline.report import absent
from pipeline.report.sections import cluster_changes, exclusions, finding_changes, spend_change
from pipeline.report.sections import forecast as ahead
from pipeline.report.sections import owners as owned

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.model import NotObserved
    from pipeline.report.given import Budgets, Forecast
    from pipeline.report.model import Inputs, Section, Totals
    from pipeline.report.text.rules import RuleText

    Days = tuple[date, date]
    """The first and the last day of a period."""

_TWO_WEEKS = 14


@dataclass(frozen=True)
class Analyses:
    """Each is left out of the report where it is None."""

    since: date | None = None
    """The date of the report before this one."""
    untold: tuple[NotObserved, ...] = ()
    """The accounts it lacked."""
    exclusion_costs: pd.DataFrame | None = None
    forecast: Forecast | None = None
    bridge: pd.DataFrame | None = None
    budgets: Budgets | None = None
    anomalies: pd.DataFrame | None = None
    changed: pd.DataFrame | None = None
    owned: bool = False
    unobservable_micros: int | None = None
    inputs: Inputs | None = None


def sections(
    given: Analyses, facts: Totals, wording: RuleText, ledger: pd.DataFrame, findings: pd.DataFrame
) -> dict[str, Any]:
    """The sections of a view and its ``more_numbers``, by the names of its fields."""
    settings, currency = wording.settings, wording.settings.currency
    life = finding_changes.lives(findings, facts, given.since, given.untold)
    periods = weeks(facts.day)
    owners = owned.by_owner(ledger, findings, facts) if given.owned else None
    bridge, anomalies, costs = given.bridge, given.anomalies, given.exclusion_costs
    made: dict[str, Section | None] = {
        "ahead": ahead.section(given.forecast, given.budgets, currency),
        "causes": None
        if bridge is None
        else spend_change.bridge_section(bridge, *periods, ledger, currency),
        "unusual": None if anomalies is None else spend_change.unusual_section(anomalies, facts),
        "since": finding_changes.section(
            life, wording, currency, cluster_changes.sentence(given.changed)
        ),
        "owners": None if owners is None else owned.section(owners, settings),
        "exclusions": None if costs is None else exclusions.section(costs, wording, currency),
    }
    # What adds up over accounts, or tells what became of clusters, says which ones it lacks.
    made |= {
        key: structs.replace(part, sentences=part.sentences + absent.note(facts))
        for key in ("ahead", "causes", "unusual", "since")
        if (part := made[key]) is not None
    }
    numbers: dict[str, Any] = {
        **ahead.numbers(given.forecast, given.budgets),
        **spend_change.numbers(bridge, *periods, anomalies),
    }
    if life:
        numbers["life"] = life.numbers()
    if given.changed is not None:
        numbers["status_changes"] = cluster_changes.numbers(given.changed)
    if owners is not None:
        numbers["owners"] = owned.numbers(owners)
    numbers |= exclusions.numbers(costs)
    if given.unobservable_micros is not None:
        numbers["unobservable_micros"] = given.unobservable_micros
    if given.inputs is not None:
        numbers["inputs"] = msgspec.to_builtins(given.inputs)
    return {**made, "more_numbers": numbers}


def weeks(day: date | None) -> tuple[Days, Days]:
    """The seven days up to ``day``, after the seven before them."""
    if day is None or day.toordinal() <= _TWO_WEEKS:
        return ((date.min, date.min),) * 2
    before, start, end = (day - timedelta(days=ago) for ago in (13, 7, 6))
    return (before, start), (end, day)
