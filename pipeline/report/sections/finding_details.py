"""Why a cluster is listed: what was observed, and per finding the action, the cost and the rule.

It has all that a reader needs to check the claim: the number of samples and the bound they prove,
the time in each utilization band, and the arithmetic of the saving.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report.model import Fact, Reason
from pipeline.report.sections import off_hours_week
from pipeline.report.text.action_text import measured, what_to_do
from pipeline.report.text.certainty import wasted
from pipeline.report.text.numbers import (
    Money,
    count_of,
    day_long,
    duration,
    known,
    moment,
    percent,
    share,
)
from pipeline.rules import IDLE, IDLE_LOADED
from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT, BUSY_ABOVE_PCT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.report.model import Chart
    from pipeline.report.text.rules import RuleText

    Key = tuple[str, str]
    Record = Mapping[Any, Any]

_REACH = "a reading counts for 30\N{NO-BREAK SPACE}min before and after it"


@dataclass(frozen=True)
class ClusterEvidence:
    """What the findings of one cluster are explained with."""

    evidence: Record
    """As for :func:`seen`, with the GPUs needed."""
    week: Chart | None
    """The hours of the week, of a cluster with off-hours."""


def reason(
    finding: Record,
    cluster: ClusterEvidence,
    rule_text: RuleText,
    money: Money,
    *,
    is_lead: bool,
) -> Reason:
    """One finding, opened; ``is_lead``: its cluster's first, which names the cluster's cost."""
    rule = str(finding["rule_id"])
    return Reason(
        rule=rule_text.name(rule),
        rule_id=rule,
        statement=f"{sentence(finding, rule_text)}.",
        facts=_facts(
            ("Evidence", detail(finding, rule_text)),
            ("Action", what_to_do(finding["action"], measured(finding, cluster.evidence), money)),
            (
                "Cost",
                _cost(
                    finding,
                    rule_text.settings.rules.idle_window_days,
                    money,
                    with_spend=is_lead,
                ),
            ),
            ("Found", _first_found(finding, money)),
        ),
        week=cluster.week if rule == off_hours_week.RULE else None,
    )


def sentence(finding: Record, rule_text: RuleText) -> str:
    """The rule's own sentence about this cluster."""
    return rule_text.finding(str(finding["rule_id"]), known(finding["evidence"]))


def detail(finding: Record, rule_text: RuleText) -> str:
    """The rest of the rule's evidence about this cluster; empty if there is none."""
    text = rule_text.detail(str(finding["rule_id"]), known(finding["evidence"]))
    return f"{text}." if text else ""


def seen(lead: Record, evidence: Record, window: Record) -> tuple[Fact, ...]:
    """What was observed of a cluster.

    Args:
        lead: its first finding.
        evidence: its utilization over the rules' window.
        window: its utilization over the report's window.
    """
    return _facts(
        ("Samples", _samples(lead, evidence)),
        ("Utilization", _means(evidence)),
        ("Running time", _bands(window)),
        ("Last seen busy", _last_busy(lead, evidence)),
        ("Expires", _expires(window)),
    )


def _facts(*pairs: tuple[str, str]) -> tuple[Fact, ...]:
    return tuple(Fact(term=term, value="", meaning=meaning) for term, meaning in pairs if meaning)


def _samples(finding: Record, evidence: Record) -> str:
    """Their number, the busy ones among them, and the busy share that they exclude."""
    n = int(finding["samples"])
    if not n:
        return "No hour with a GPU reading."
    busy = known(evidence.get("busy_samples"))
    text = f"GPU use was read in {count_of(n, 'running hour')}"
    if busy is not None:
        text += (
            f" and was above {BUSY_ABOVE_PCT:g} % (busy) in {int(busy) if busy else 'none'} of them"
        )
    bound = known(finding["busy_share_bound"])
    if bound is not None and bound < 1:
        text += f": at most {percent(100 * bound)} of its running time was busy (95 % confidence)"
    coverage = known(evidence.get("hour_of_week_coverage"))
    if coverage is not None:
        text += f". The readings cover {percent(100 * coverage)} of the 168 hours of the week"
    return text + "."


def _means(evidence: Record) -> str:
    """Means and peaks of the readings."""
    parts = []
    for what, key in (("GPU", "gpu"), ("memory", "memory"), ("CPU", "cpu")):
        mean, peak = evidence.get(f"{key}_mean_pct"), evidence.get(f"{key}_max_pct")
        if known(peak) is not None:
            before = f"mean {percent(mean)}, " if known(mean) is not None else ""
            parts.append(f"{what} {before}peak {percent(peak)}")
    return "; ".join(parts) + "." if parts else ""


def _bands(window: Record) -> str:
    """Running time by band of GPU use, the empty ones left out."""
    running = known(window.get("running_seconds"))
    if not running:
        return ""
    lows = (0, *BAND_EDGES_PCT)
    labels = [
        (column, f"at {low}\N{EN DASH}{high}\N{NO-BREAK SPACE}% GPU use")
        for column, low, high in zip(BAND_COLUMNS, lows, BAND_EDGES_PCT, strict=False)
    ]
    labels += [
        ("band_no_metrics_seconds", "without a reading"),
        ("band_unseen_seconds", f"not observed ({_REACH})"),
    ]
    parts = [
        f"{share(window[column], running, 0)} {words}"
        for column, words in labels
        if known(window.get(column))
    ]
    return ": ".join([duration(running), *([", ".join(parts)] if parts else [])]) + "."


def _last_busy(finding: Record, evidence: Record) -> str:
    since, busy = known(finding["since_at"]), known(evidence.get("last_busy_at"))
    if busy is not None:
        return moment(busy)
    # Of use, the evidence holds from a moment on; of anything else, the moment says nothing.
    is_of_use = str(finding["rule_id"]) in (IDLE.id, IDLE_LOADED.id)
    if since is None or not is_of_use:
        return ""
    return f"not since {moment(since)}, where its evidence begins"


def _first_found(finding: Record, money: Money) -> str:
    """Since when it is known, and what the cluster has cost since."""
    found_on, waited = known(finding["found_on"]), known(finding["waiting_cost_micros"])
    if found_on is None:
        return ""
    text = f"First on {day_long(found_on.date())}"
    return f"{text}. The cluster has cost {money.exact(waited)} since." if waited else f"{text}."


def _expires(window: Record) -> str:
    expires = known(window.get("expires_at"))
    return moment(expires) if expires is not None else ""


def _cost(finding: Record, days: int, money: Money, *, with_spend: bool) -> str:
    """Cost so far, what of it is waste (over so many ``days``), and the saving as arithmetic."""
    spend, waste = known(finding["spend_micros"]), known(finding["provable_waste_micros"])
    parts = []
    if with_spend and spend is not None:
        parts.append(f"{money.exact(spend)} in the last 30 days")
    if waste:
        certainty = wasted(known(finding["grade"]))
        parts.append(f"{money.exact(waste)} of the cost of the last {days} days {certainty}")
    parts += _saving(finding, money)
    text = ". ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _saving(finding: Record, money: Money) -> Iterable[str]:
    gross, remaining = known(finding["gross_saving_micros"]), known(finding["remaining_micros"])
    net, counted = known(finding["net_saving_micros"]), known(finding["counted_saving_micros"])
    if not net:
        return
    if remaining:
        yield (
            f"Saving over the next 30 days: {money.exact(gross)} \N{MINUS SIGN} "
            f"{money.exact(remaining)} still charged = {money.exact(net)}"
        )
    else:
        yield f"Saving over the next 30 days: {money.exact(net)}"
    if not counted:
        yield (
            "This saving is not counted: another action on the cluster saves more, or the evidence "
            "is weak"
        )
