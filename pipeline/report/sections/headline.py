"""The first sentences: what was found, in money, every number computed.

The headline is the finding, and which sentence it is depends on what can be claimed: waste found,
suspicions without proof, none found, nothing could be judged, an empty fleet, no closed day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report import absent
from pipeline.report.text import names
from pipeline.report.text.numbers import (
    UNKNOWN,
    Money,
    change,
    count,
    count_of,
    day_long,
    days_span,
    percent,
    share,
)
from pipeline.report.totals import proven_by_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.report.model import Totals

_CONCENTRATED = 0.5
"""The clusters that together hold this share of the waste are named as the few that matter."""


def title(facts: Totals, findings: pd.DataFrame, evidence_days: int) -> str:
    """The headline, and which accounts it is not about."""
    said = [_title(facts, findings, evidence_days), absent.phrase(absent.missing(facts))]
    return "; ".join(part for part in said if part)


def _title(facts: Totals, findings: pd.DataFrame, evidence_days: int) -> str:
    money = Money(facts.currency)
    if facts.day is None or facts.first is None:
        return "No day is closed yet, so there is nothing to report"
    if not facts.clusters and facts.damaged:
        return f"Nothing can be said: {count_of(facts.damaged, 'stored file')} cannot be read"
    if not facts.clusters:
        seen = "No cluster was seen" if facts.not_observed else "The fleet was empty: no cluster"
        return f"{seen} from {days_span(facts.first, facts.day)}"
    if facts.waste_micros:
        waste = money.rounded(facts.waste_micros)
        return f"{waste} provably wasted in {evidence_days} days; {_holders(facts, findings)}"
    window = count_of(facts.days_known, "day")
    spent = f"{money.rounded(facts.spend_micros)} spent in {window}"
    if facts.spend_micros is None:
        spent = f"What {window} cost is unknown"
    return f"{spent}{_no_waste(facts)}"


def _no_waste(facts: Totals) -> str:
    """Why the headline names no waste."""
    if facts.judged and facts.found:
        verb = "deserves" if facts.found == 1 else "deserve"
        return f"; no waste is proven, but {count_of(facts.found, 'cluster')} {verb} a look"
    if facts.judged:
        return f", and no waste among {count_of(facts.judged, 'judged cluster')}"
    if not facts.unjudged:
        return "; no cluster is left to judge"
    many = facts.unjudged > 1
    whom = f"any of {count(facts.unjudged)} clusters" if many else "the one cluster"
    return f"; too little was seen to judge {whom}"


def _holders(facts: Totals, findings: pd.DataFrame) -> str:
    """Who holds the waste: the fewest clusters with at least half of it."""
    waste = proven_by_cluster(findings)
    largest = waste[waste > 0].sort_values(ascending=False, kind="stable").cumsum()
    if facts.wasteful == 1:
        return "one cluster holds all of it"
    few = int((largest < _CONCENTRATED * facts.waste_micros).sum()) + 1
    held = share(int(largest.iloc[few - 1]), facts.waste_micros, 0)
    if few == facts.wasteful:
        return f"it is spread over {count(few)} clusters"
    subject = "the largest" if few == 1 else f"the {count(few)} largest"
    return f"{subject} of {count(facts.wasteful)} clusters {'holds' if few == 1 else 'hold'} {held}"


def subject(facts: Totals, owner: str = "") -> str:
    """The headline for a mail's subject: short, without a name from outside."""
    lost = absent.short(absent.missing(facts))
    said = _subject(facts) + (f"; {lost} not observed" if lost else "")
    return f"{owner}: {said}" if owner else said


def _subject(facts: Totals) -> str:
    money = Money(facts.currency)
    if facts.day is None:
        return "no closed day yet"
    if not facts.clusters and facts.damaged:
        return f"stored files are damaged ({facts.day.isoformat()})"
    if not facts.clusters:
        seen = "no cluster was seen" if facts.not_observed else "the fleet was empty"
        return f"{seen} ({facts.day.isoformat()})"
    if facts.waste_micros:
        waste = money.rounded(facts.waste_micros)
        text = f"{waste} provably wasted by {count_of(facts.wasteful, 'cluster')}"
    else:
        spent = "cost unknown"
        if facts.spend_micros is not None:
            spent = f"{money.rounded(facts.spend_micros)} spent"
        text = f"{spent}, {'no waste proven' if facts.judged else 'nothing could be judged'}"
    return f"{text} ({facts.day.isoformat()})"


def kicker(facts: Totals, owner: str = "") -> str:
    """The line above the headline: what this is, of when, and of whom if it is a part."""
    said = ["GPU cost report"]
    if facts.day is not None:
        said.append(f"{day_long(facts.day)} (UTC)")
    return " · ".join([*said, *([f"only what {names.shown(owner)} owns"] if owner else [])])


def lede(facts: Totals, looks: int, ahead: Sequence[str] = ()) -> tuple[str, ...]:
    """The sentences below the headline; ``ahead`` are those about what is coming."""
    money = Money(facts.currency)
    if facts.day is None or facts.first is None:
        taken = f"{count_of(looks, 'look')} at the fleet so far. " if looks else ""
        when = (
            f"{taken}A day is closed by the first complete look at the fleet taken after its end; "
            "take one after midnight UTC, and that day is reported."
        )
        return (when,)
    if not facts.clusters and facts.damaged:
        return ("What is damaged was skipped, and nothing is left: see below which files.",)
    if not facts.clusters:
        if facts.not_observed:
            return ("The accounts that are observed listed no cluster at all.",)
        what = (
            "The API answered, and listed no cluster at all. If that surprises you, check which "
            "account the key belongs to."
        )
        return (what,)
    return tuple(
        sentence
        for sentence in (
            _yesterday(facts, money),
            _window(facts, money),
            _unproven(facts, money),
            _saving(facts, money),
            *ahead,
            _judged(facts),
        )
        if sentence
    )


def _yesterday(facts: Totals, money: Money) -> str:
    if facts.day is None or facts.day_micros is None:
        return ""
    sentence = f"{day_long(facts.day)} cost {money.rounded(facts.day_micros)}"
    moved = change(facts.day_micros, facts.week_before_micros)
    if moved == UNKNOWN:
        return sentence + "."
    return f"{sentence}, {moved} against the mean of the {_days_before(facts)}."


def _days_before(facts: Totals) -> str:
    few = facts.week_before_days
    return "day before" if few == 1 else f"{count_of(few, 'day')} before"


def _window(facts: Totals, money: Money) -> str:
    if facts.spend_micros is None or facts.first is None or facts.day is None:
        return "What the clusters cost is unknown: the API gave neither a cost nor a rate."
    sentence = (
        f"{count_of(facts.clusters, 'cluster')} cost {money.rounded(facts.spend_micros)} "
        f"from {days_span(facts.first, facts.day)}"
    )
    if facts.gpu_use_pct is not None:
        sentence += f"; their GPUs were {percent(facts.gpu_use_pct)} busy while they ran"
    return sentence + "."


def _saving(facts: Totals, money: Money) -> str:
    if not facts.saving_micros:
        return ""
    return (
        f"Acting on the findings would save about {money.rounded(facts.saving_micros)} over the "
        "next 30 days, counting no cluster with more than it cost in the last 30."
    )


def _unproven(facts: Totals, money: Money) -> str:
    if not facts.unproven_micros:
        return ""
    more = "another " if facts.waste_micros else ""
    text = (
        f"{more}{money.rounded(facts.unproven_micros)} on {count_of(facts.unproven, 'cluster')} "
        "may have been wasted: likely or suspected, not proven."
    )
    return text[:1].upper() + text[1:]


def _judged(facts: Totals) -> str:
    if not facts.judged or not facts.unjudged:
        return ""
    return f"{count_of(facts.unjudged, 'cluster')} could not be judged: see below why."
