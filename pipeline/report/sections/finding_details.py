"""Why a cluster is listed: what was seen of it, and per finding the rule, the money, what to do.

Everything a reader needs to disagree: the number of looks and the bound they prove, the time in
each band of use, and the money as it was added up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.report.model import Fact, Reason
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
from pipeline.report.text.rules import action
from pipeline.rules import LIKELY, SUSPECTED
from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.report.text.rules import RuleText

    Record = Mapping[Any, Any]

_SURE = {LIKELY: "likely", SUSPECTED: "perhaps"}
"""How waste is called that is not proven."""


def reason(finding: Record, wording: RuleText, money: Money) -> Reason:
    """One finding, opened."""
    rule = str(finding["rule_id"])
    return Reason(
        rule=wording.name(rule),
        statement=sentence(finding, wording),
        facts=_said(
            ("What to do", action(finding["action"])),
            ("Money", _money(finding, money)),
            ("Found", _found(finding, money)),
            ("The rule", wording.statement(rule)),
        ),
    )


def sentence(finding: Record, wording: RuleText) -> str:
    """The rule's own sentence about this cluster."""
    return wording.finding(str(finding["rule_id"]), known(finding["evidence"]))


def seen(lead: Record, evidence: Record, window: Record) -> tuple[Fact, ...]:
    """What was seen of a cluster. ``evidence``: its facts over the rules' window, ``window``: over
    the report's.
    """
    return _said(
        ("Looks", looks(lead, evidence)),
        ("Use", use(evidence)),
        ("Running time", bands(window)),
        ("Since", _since(lead, evidence)),
        ("Ends by itself", _ends(window)),
    )


def _said(*facts: tuple[str, str]) -> tuple[Fact, ...]:
    return tuple(Fact(term=term, value="", meaning=meaning) for term, meaning in facts if meaning)


def looks(finding: Record, evidence: Record) -> str:
    """n, the busy ones among them, and what they exclude."""
    n = int(finding["samples"])
    if not n:
        return "No hour with a reading of the GPU."
    busy = known(evidence.get("busy_samples"))
    text = f"GPU read in {count_of(n, 'running hour')}"
    if busy is not None:
        text += f", above 5 % in {int(busy) if busy else 'none'}"
    bound = known(finding["busy_share_bound"])
    if bound is not None and bound < 1:
        text += f": busy at most {percent(100 * bound)} of the time (95 % confidence)"
    coverage = known(evidence.get("hour_of_week_coverage"))
    if coverage is not None:
        text += f"; {percent(100 * coverage)} of the 168 hours of a week were looked at"
    return text + "."


def use(evidence: Record) -> str:
    """Means and peaks of what was read."""
    said = []
    for what, key in (("GPU", "gpu"), ("memory", "memory"), ("CPU", "cpu")):
        mean, peak = evidence.get(f"{key}_mean_pct"), evidence.get(f"{key}_max_pct")
        if known(peak) is not None:
            before = f"mean {percent(mean)}, " if known(mean) is not None else ""
            said.append(f"{what} {before}peak {percent(peak)}")
    return "; ".join(said) + "." if said else ""


def bands(window: Record) -> str:
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
        ("band_unseen_seconds", "far from any look"),
    ]
    said = [
        f"{share(window[column], running, 0)} {words}"
        for column, words in labels
        if known(window.get(column))
    ]
    return ": ".join([duration(running), *([", ".join(said)] if said else [])]) + "."


def _since(finding: Record, evidence: Record) -> str:
    since, busy = known(finding["since_at"]), known(evidence.get("last_busy_at"))
    said = [moment(since)] if since is not None else []
    if busy is not None:
        said.append(f"last seen busy {moment(busy)}")
    return "; ".join(said)


def _found(finding: Record, money: Money) -> str:
    """Since when it is known, and what doing nothing has cost."""
    found, waited = known(finding["found_on"]), known(finding["waiting_cost_micros"])
    if found is None:
        return ""
    text = f"First on {day_long(found.date())}"
    return f"{text}; doing nothing has cost {money.exact(waited)} since." if waited else f"{text}."


def _ends(window: Record) -> str:
    expires = known(window.get("expires_at"))
    return moment(expires) if expires is not None else ""


def _money(finding: Record, money: Money) -> str:
    """Cost so far, what of it is waste, and the saving as arithmetic."""
    spend, waste = known(finding["spend_micros"]), known(finding["provable_waste_micros"])
    said = []
    if spend is not None:
        said.append(f"Cost {money.exact(spend)} in the last 30 days")
    if waste:
        sure = _SURE.get(str(known(finding["grade"])), "provably")
        said.append(f"{sure} wasted {money.exact(waste)} in the days the rule looks at")
    saving = _saving(finding, money)
    return "; ".join([*said, *saving]) + "." if said or saving else ""


def _saving(finding: Record, money: Money) -> Iterable[str]:
    gross, remaining = known(finding["gross_saving_micros"]), known(finding["remaining_micros"])
    net, counted = known(finding["net_saving_micros"]), known(finding["counted_saving_micros"])
    if not net:
        return
    if remaining:
        yield (
            f"the next 30 days: {money.exact(gross)} \N{MINUS SIGN} {money.exact(remaining)} that "
            f"stays charged = {money.exact(net)} saved"
        )
    else:
        yield f"saves {money.exact(net)} over the next 30 days"
    if not counted:
        yield "not counted, because another action on this cluster saves more or proof is thin"
