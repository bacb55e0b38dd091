"""Data quality: what was observed, what was missed, what is estimated, and by which method.

It is part of the report, because a number without it seems more certain than it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.model import Certificate, State
from pipeline.report.model import Fact
from pipeline.report.sections import not_observed
from pipeline.report.text import names, periods
from pipeline.report.text.numbers import Money, count, count_of, duration, moment, share
from pipeline.schema import CLUSTER_KEY
from pipeline.transform.reconcile import sums

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.transform.totals import Totals

_STATES = {
    State.COMPLETE: "complete",
    State.DRIFTED: "changed while being read",
    State.UNPROVEN: "not provably complete",
    State.SUSPECT: "suspect",
}
_SKEW_SHOWN_SECONDS = 60
_DAMAGED_NAMED = 3
_MOST_RESIDUAL = 0.01
"""With more of the bill in residuals of either sign, they are among what limits the figures."""
_MOST_HOURS = 0.9
"""With snapshots in fewer hours, their number is among what limits the figures."""


def data_quality(inputs: ReportInputs, totals: Totals) -> tuple[Fact, ...]:
    """What is known about the data that the report rests on."""
    money, certificates = inputs.money, inputs.certificates
    facts = [*not_observed.facts(totals), _snapshots(certificates)]
    if inputs.day is not None:
        facts += [
            _days(inputs),
            *_hours(inputs),
            *_spend(inputs, totals),
            *_unobserved(inputs.unobserved_micros, money),
            *_bill(inputs),
            *_unusual(inputs),
            *_time(inputs.window),
        ]
    facts += [*_limits_of_v2(certificates), *_troubles(certificates)]
    if inputs.damaged:
        facts.append(_damaged(inputs.damaged))
    if inputs.provenance is not None and inputs.provenance.incomplete:
        facts.append(_incomplete(inputs.provenance.incomplete))
    if inputs.day is not None:
        facts += _excluded(inputs.findings, money)
    return tuple(facts)


def _snapshots(certificates: Sequence[Certificate]) -> Fact:
    states = Counter(certificate.state for certificate in certificates)
    parts = [f"{count(states[state])} {_STATES[state]}" for state in State if states[state]]
    if not parts:
        return Fact(term="Snapshots", value="none", tone="warn")
    newest = max(certificate.finished_at for certificate in certificates)
    return Fact(
        term="Snapshots",
        value=", ".join(parts),
        meaning=f"The newest ended {moment(newest)}. Only complete snapshots show that "
        "a cluster is gone. More snapshots make findings stronger.",
        tone="warn" if len(parts) > 1 or not states[State.COMPLETE] else "plain",
    )


def _hours(inputs: ReportInputs) -> tuple[Fact, ...]:
    """In how many hours of the rules' window a snapshot was taken; of several accounts, each."""
    if inputs.day is None or inputs.period is None:
        return ()
    days = min(inputs.settings.rules.idle_window_days, inputs.period.days)
    first = inputs.day - timedelta(days=days - 1)
    hours: defaultdict[str, set[tuple[date, int]]] = defaultdict(set)
    for certificate in inputs.certificates:
        at = certificate.started_at
        if first <= at.date() <= inputs.day:
            hours[certificate.account].add((at.date(), at.hour))
    if not hours:
        return ()
    seen = sorted({len(of_account) for of_account in hours.values()})
    few = " to ".join(count(number) for number in {seen[0]: 0, seen[-1]: 0})
    total = 24 * days
    return (
        Fact(
            term="Hours with a snapshot",
            value=f"{few} of {count(total)} in {count_of(days, 'day')}",
            meaning="What a cluster did in the other hours is not known; running time without a "
            "sample counts as busy.",
            tone="warn" if seen[0] < _MOST_HOURS * total else "plain",
        ),
    )


def _unusual(inputs: ReportInputs) -> tuple[Fact, ...]:
    """Which change of a day's spend would have been reported as unusual."""
    if inputs.unusual_days is None:
        return ()
    smallest, days = inputs.detectable_micros, inputs.settings.rules.anomaly_min_days
    if smallest is None:
        return (
            Fact(
                term="Unusual spend",
                value="not judged",
                meaning=f"It needs {count_of(days, 'earlier day')} of the fleet to compare with.",
            ),
        )
    return (
        Fact(
            term="Unusual spend",
            value=f"from {inputs.money.rounded(smallest)} a day",
            meaning="A smaller change of the fleet's daily spend is within what its days usually "
            "differ by, and is not reported.",
        ),
    )


def _days(inputs: ReportInputs) -> Fact:
    period = inputs.period
    missing = period.missing(inputs.days) if period else ()
    return Fact(
        term="Days",
        value=f"{count(period.known(inputs.days))} of {count(period.days)} known"
        if period
        else "none",
        meaning=f"Not known: {periods.listed(missing)}. What these days cost is not included."
        if missing
        else "Every day is closed.",
        tone="warn" if missing else "plain",
    )


def _spend(inputs: ReportInputs, totals: Totals) -> list[Fact]:
    window, money = inputs.window, inputs.money
    estimated = max(0, (totals.spend_micros or 0) - totals.metered_micros)
    facts = [
        Fact(
            term=f"Spend, {inputs.covered('column')}",
            value=money.span(totals.low_micros, totals.high_micros),
            meaning="The lowest and the highest amount that the snapshots allow."
            if totals.low_micros != totals.high_micros
            else "The only amount that the snapshots allow."
            if totals.low_micros is not None
            else "",
        ),
        Fact(
            term="Estimated",
            value=share(estimated, totals.spend_micros) if totals.spend_micros else "none",
            meaning="The part of spend that is rate times running time, because a cost counter is "
            "missing or fell, or the cluster disappeared. The rest is the increase of the API's "
            "cost counters.",
        ),
    ]
    unpriced = int(window["unpriced_seconds"].sum())
    if unpriced:
        facts.append(
            Fact(
                term="Without a price",
                value=duration(unpriced),
                meaning="Cluster time with neither a cost counter nor a rate. It is in no total. "
                "Add a rate card to the settings to price it.",
                tone="warn",
            )
        )
    carried = int(window["carried_in_micros"].sum())
    if carried:
        facts.append(
            Fact(
                term="Carried in",
                value=money.exact(carried),
                meaning="Cost that clusters had accumulated before they were first seen. It is in "
                "no total.",
            )
        )
    return facts


def _unobserved(micros: int | None, money: Money) -> list[Fact]:
    if micros is None:
        return []
    return [
        Fact(
            term="Between snapshots",
            value=money.rounded(micros),
            meaning="An estimate of spend that snapshots this far apart cannot show, such as that "
            "of clusters that existed only between two of them. It is in no total. More frequent "
            "snapshots make it smaller.",
        )
    ]


def _bill(inputs: ReportInputs) -> list[Fact]:
    """The ledger against what was billed, on the days that have a bill."""
    rows, money = inputs.reconciliation, inputs.money
    if rows is None:
        return []
    total = sums(rows)
    parts = [
        f"Residual above 0: {money.exact(total.above)} was billed and is in no snapshot.",
        f"Residual below 0: {money.exact(-total.below)} of the ledger was not billed.",
    ]
    if total.unobserved:
        parts.append(
            f"Unobserved: {money.exact(total.unobserved)} was billed on days not observed in full."
        )
    if total.outside_bounds:
        parts.append(
            f"Outside the bounds of spend: the bill on {total.outside_bounds} of "
            f"{count_of(total.with_bounds, 'day')} observed in full."
        )
    is_far = total.above - total.below > _MOST_RESIDUAL * abs(total.billed)
    return [
        Fact(
            term=f"Bill, {count_of(rows['date'].nunique(), 'day')}",
            value=f"{money.exact(total.matched)} of {money.exact(total.billed)} matched",
            meaning=" ".join(parts) + " No spend is scaled to the bill.",
            tone="warn" if is_far else "plain",
        )
    ]


def _time(window: pd.DataFrame) -> list[Fact]:
    observed, gap = int(window["observed_seconds"].sum()), int(window["gap_seconds"].sum())
    running = int(window["running_seconds"].sum())
    unread = int(window[["band_no_metrics_seconds", "band_unseen_seconds"]].sum().sum())
    facts = []
    if observed + gap:
        facts.append(
            Fact(
                term="Unobserved cluster time",
                value=share(gap, observed + gap),
                meaning="Time that is more than 30 minutes from any snapshot, and that no cost "
                "counter proves.",
            )
        )
    if running:
        facts.append(
            Fact(
                term="Running time without a GPU reading",
                value=share(unread, running),
                meaning="It is left out of every mean, and no idle finding rests on it.",
            )
        )
    return facts


def _limits_of_v2(certificates: Sequence[Certificate]) -> list[Fact]:
    accounts = sorted({c.account for c in certificates if c.api_version == "v2"})
    if not accounts:
        return []
    return [
        Fact(
            term="API version 2",
            value="used for " + ", ".join(names.shown(account) for account in accounts),
            meaning="This version of the API reports neither costs, nor GPU use, nor the number "
            "of GPUs. These values are unknown here, not zero. Version 1 reports them.",
            tone="warn",
        )
    ]


def _troubles(certificates: Sequence[Certificate]) -> list[Fact]:
    facts = []
    quarantined = sum(certificate.quarantined for certificate in certificates)
    if quarantined:
        facts.append(
            Fact(
                term="Quarantined records",
                value=count(quarantined),
                meaning="Records from the API without a usable id. They are stored separately and "
                "are in no figure.",
                tone="warn",
            )
        )
    unusable = sum(certificate.bad_fields for certificate in certificates)
    if unusable:
        facts.append(
            Fact(
                term="Unusable values",
                value=count(unusable),
                meaning="Invalid values from the API, treated as unknown.",
                tone="warn",
            )
        )
    skew = max((abs(c.clock_skew_seconds) for c in certificates), default=0)
    wrong = sum(certificate.wrong_dates for certificate in certificates)
    if skew >= _SKEW_SHOWN_SECONDS:
        facts.append(
            Fact(
                term="Clock",
                value=f"off by up to {duration(int(skew))}",
                meaning="This machine's clock compared with the API's. "
                + (
                    f"The API's time was rejected in {count_of(wrong, 'response')}; this "
                    "machine's time was used there."
                    if wrong
                    else "The API's times are used, so no spend is on a wrong day."
                ),
                tone="warn",
            )
        )
    return facts


def _excluded(findings: pd.DataFrame, money: Money) -> list[Fact]:
    rows = findings[findings["exclusion"].notna()]
    if rows.empty:
        return []
    best = rows.groupby(CLUSTER_KEY, observed=True)["net_saving_micros"].max()
    return [
        Fact(
            term="Excluded findings",
            value=count(len(rows)),
            meaning="Covered by an exclusion and in no figure above. Acting on them would "
            f"save {money.exact(int(best.fillna(0).sum()))} over the next 30 days.",
        )
    ]


def _damaged(damaged: Sequence[str]) -> Fact:
    return Fact(
        term="Damaged files",
        value=count(len(damaged)),
        meaning=f"Their content is not what was written. Skipped: {_first_of(damaged)}.",
        tone="bad",
    )


def _incomplete(incomplete: Sequence[str]) -> Fact:
    return Fact(
        term="Incomplete inputs",
        value=count(len(incomplete)),
        meaning="The findings are preliminary. They are made again once these are repaired: "
        f"{_first_of(incomplete)}.",
        tone="bad",
    )


def _first_of(paths: Sequence[str]) -> str:
    named = ", ".join(names.shown(path, 120) for path in paths[:_DAMAGED_NAMED])
    more = len(paths) - _DAMAGED_NAMED
    return named + (f" and {count(more)} more" if more > 0 else "")
