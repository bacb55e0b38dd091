"""The first sentences: the main finding in money, every number computed.

Which sentence the headline is depends on what can be claimed: waste found, suspicions without
proof, none found, nothing could be judged, an empty fleet, no closed day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Headline
from pipeline.report.sections import forecast, not_observed, period
from pipeline.report.text import names
from pipeline.report.text.numbers import (
    UNKNOWN,
    Money,
    by_grade,
    change,
    compared,
    count,
    count_of,
    day_long,
    percent,
    share,
)
from pipeline.rules import LIKELY, PROVEN
from pipeline.transform.findings.by_cluster import proven_waste

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.transform.totals import Totals

_CONCENTRATED = 0.5
"""The clusters that together hold this share of the waste are named as the few that matter."""


def headline(inputs: ReportInputs, totals: Totals) -> Headline:
    """The first sentences of the report."""
    return Headline(
        title=_title(inputs, totals),
        subject=_subject(inputs, totals),
        kicker=_kicker(inputs, totals),
        lede=not_observed.sentence(totals) + _lede(inputs, totals),
    )


def _title(inputs: ReportInputs, totals: Totals) -> str:
    """The main finding, and which accounts it is not about."""
    finding = _finding(inputs, totals)
    if inputs.review is not None and totals.clusters:
        finding = period.title(inputs, totals, inputs.review)
    parts = [finding, not_observed.phrase(not_observed.missing(totals))]
    return "; ".join(part for part in parts if part)


def _finding(inputs: ReportInputs, totals: Totals) -> str:
    money, evidence_days = inputs.money, inputs.settings.rules.idle_window_days
    if totals.day is None or totals.first is None:
        return "No day is closed yet, so there is nothing to report"
    if not totals.clusters and totals.damaged:
        return f"No result: {count_of(totals.damaged, 'stored file')} cannot be read"
    if not totals.clusters:
        seen = "No cluster was seen" if totals.not_observed else "The fleet was empty: no cluster"
        return f"{seen} {inputs.during()}"
    if totals.waste_micros:
        waste = money.rounded(totals.waste_micros)
        return (
            f"{waste} provably wasted in {inputs.last_days(evidence_days, 'days')}; "
            f"{_holders(totals, inputs.open_findings)}"
        )
    window = inputs.covered("days")
    spent = f"{money.rounded(totals.spend_micros)} spent in {window}"
    if totals.spend_micros is None:
        spent = f"Spend of {window} is unknown"
    return f"{spent}{_no_waste(totals)}"


def _no_waste(totals: Totals) -> str:
    """Why the headline names no waste."""
    if totals.judged and totals.with_findings:
        clusters = count_of(totals.with_findings, "cluster")
        verb = "is" if totals.with_findings == 1 else "are"
        return f"; no waste is proven, but {clusters} {verb} worth checking"
    if totals.judged:
        return f"; no waste found in {count_of(totals.judged, 'judged cluster')}"
    if not totals.unjudged:
        return "; no cluster remains to be judged"
    many = totals.unjudged > 1
    which = f"any of {count(totals.unjudged)} clusters" if many else "the only cluster"
    return f"; too little data to judge {which}"


def _holders(totals: Totals, findings: pd.DataFrame) -> str:
    """Where the waste is: the fewest clusters with at least half of it."""
    waste = proven_waste(findings)
    largest = waste[waste > 0].sort_values(ascending=False, kind="stable").cumsum()
    if totals.wasteful == 1:
        return "one cluster accounts for all of it"
    few = int((largest < _CONCENTRATED * totals.waste_micros).sum()) + 1
    held = share(int(largest.iloc[few - 1]), totals.waste_micros, 0)
    if few == totals.wasteful:
        return f"it is spread over {count(few)} clusters"
    subject = "the largest" if few == 1 else f"the {count(few)} largest"
    verb = "accounts for" if few == 1 else "account for"
    return f"{subject} of {count(totals.wasteful)} clusters {verb} {held}"


def _subject(inputs: ReportInputs, totals: Totals) -> str:
    lost = not_observed.short(not_observed.missing(totals))
    is_period = inputs.review is not None and totals.clusters
    text = period.subject(inputs, totals) if is_period else _short_finding(totals)
    text += f"; {lost} not observed" if lost else ""
    account = f"account {inputs.account}" if inputs.account else ""
    return ": ".join(part for part in (inputs.owner, account, text) if part)


def _short_finding(totals: Totals) -> str:
    money = Money(totals.currency)
    if totals.day is None:
        return "no closed day yet"
    if not totals.clusters and totals.damaged:
        return f"stored files are damaged ({totals.day.isoformat()})"
    if not totals.clusters:
        seen = "no cluster was seen" if totals.not_observed else "the fleet was empty"
        return f"{seen} ({totals.day.isoformat()})"
    if totals.waste_micros:
        waste = money.rounded(totals.waste_micros)
        text = f"{waste} provably wasted by {count_of(totals.wasteful, 'cluster')}"
    else:
        spent = "cost unknown"
        if totals.spend_micros is not None:
            spent = f"{money.rounded(totals.spend_micros)} spent"
        text = f"{spent}, {'no waste proven' if totals.judged else 'nothing could be judged'}"
    return f"{text} ({totals.day.isoformat()})"


def _kicker(inputs: ReportInputs, totals: Totals) -> str:
    parts = ["GPU cost report"]
    if inputs.review is not None and totals.day is not None:
        as_of = f"findings as of {day_long(totals.day)}"
        parts.append(f"{inputs.covered()}, {as_of} (UTC)")
    elif totals.day is not None:
        parts.append(f"{day_long(totals.day)} (UTC)")
    if inputs.account:
        parts.append(f"only account {names.shown(inputs.account)}")
    if inputs.owner:
        parts.append(f"only clusters of {names.shown(inputs.owner)}")
    return " · ".join(parts)


def _lede(inputs: ReportInputs, totals: Totals) -> tuple[str, ...]:
    money, snapshots = inputs.money, len(inputs.certificates)
    if totals.day is None or totals.first is None:
        taken = f"{count_of(snapshots, 'snapshot')} so far. " if snapshots else ""
        when = (
            f"{taken}A day is closed by the first complete snapshot taken after its end; take one "
            "after midnight UTC to get a report of the day before."
        )
        return (when,)
    if not totals.clusters and totals.damaged:
        return ("Damaged files were skipped, and no data is left. The files are listed below.",)
    if not totals.clusters:
        if totals.not_observed:
            return ("The observed accounts listed no cluster at all.",)
        what = (
            "The API responded but listed no cluster at all. If this is unexpected, check which "
            "account the key belongs to."
        )
        return (what,)
    return tuple(
        sentence
        for sentence in (
            *_period(inputs, totals),
            _window(inputs, totals),
            _unproven(totals, money),
            _saving(totals, money),
            *forecast.lede(inputs),
            _judged(totals),
        )
        if sentence
    )


def _period(inputs: ReportInputs, totals: Totals) -> tuple[str, ...]:
    """Of a period what limits its figures, and its proven waste; else the spend of the day."""
    if inputs.review is None:
        return (_yesterday(totals, inputs.money),)
    limits = period.lede(inputs, totals, inputs.review)
    return (*limits, f"{_finding(inputs, totals)}.") if totals.waste_micros else limits


def _yesterday(totals: Totals, money: Money) -> str:
    if totals.day is None or totals.day_micros is None:
        return ""
    sentence = f"Spend on {day_long(totals.day)} was {money.rounded(totals.day_micros)}"
    moved = change(totals.day_micros, totals.week_before_micros)
    if moved == UNKNOWN:
        return sentence + "."
    return f"{sentence}, {compared(moved)} {_days_before(totals)}."


def _days_before(totals: Totals) -> str:
    few = totals.week_before_days
    return "the day before" if few == 1 else f"the mean of the {count_of(few, 'day')} before"


def _window(inputs: ReportInputs, totals: Totals) -> str:
    if totals.spend_micros is None:
        return "The cost of the clusters is unknown: the API returned neither a cost nor a rate."
    sentence = (
        f"{count_of(totals.clusters, 'cluster')} cost {inputs.money.rounded(totals.spend_micros)} "
        f"{inputs.during()}."
    )
    if totals.gpu_use_pct is not None:
        sentence += f" Mean GPU use while running was {percent(totals.gpu_use_pct)}."
    return sentence


def _saving(totals: Totals, money: Money) -> str:
    """What acting saves, by grade: never one sum of what is sure and what is not."""
    proven, likely = totals.saving_proven_micros, totals.saving_likely_micros
    others = (totals.saving_micros or 0) - proven - likely
    parts = by_grade({PROVEN: proven, LIKELY: likely, "": others}, money)
    suspected = totals.saving_suspected_micros
    if parts:
        sure = (
            f"Acting now would save {parts} over the next 30 days, if the clusters "
            "otherwise stay as they are."
        )
        more = f" Another {money.rounded(suspected)} is only suspected." if suspected else ""
        return sure + more
    if suspected:
        return f"Savings of {money.rounded(suspected)} over the next 30 days are only suspected."
    return ""


def _unproven(totals: Totals, money: Money) -> str:
    if not totals.unproven_micros:
        return ""
    more = "another " if totals.waste_micros else ""
    text = (
        f"{more}{money.rounded(totals.unproven_micros)} on {count_of(totals.unproven, 'cluster')} "
        "may have been wasted: likely or suspected, not proven."
    )
    return text[:1].upper() + text[1:]


def _judged(totals: Totals) -> str:
    if not totals.judged or not totals.unjudged:
        return ""
    return f"{count_of(totals.unjudged, 'cluster')} could not be judged; the reasons are below."
