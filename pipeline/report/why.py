"""Why a cluster is listed: per finding the rule, what was seen, since when, the money, what to do.

Everything a reader needs to disagree: the number of looks and the bound they prove, the time in
each band of use, and the money as it was added up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.report.numbers import (
    UNKNOWN,
    Money,
    count_of,
    duration,
    known,
    moment,
    percent,
    share,
)
from pipeline.report.parts import Fact, Reason
from pipeline.report.wording import action
from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT

if TYPE_CHECKING:
    from collections.abc import Mapping


def reason(
    finding: Mapping[str, Any],
    seen: Mapping[str, Any],
    window: Mapping[str, Any],
    *,
    rule: str,
    statement: str,
    money: Money,
) -> Reason:
    """One finding, opened. ``seen``: the cluster's facts over the rule's window;
    ``window``: over the report's.
    """
    facts = (
        Fact(term="What to do", value="", meaning=action(finding["action"])),
        Fact(term="Money", value="", meaning=_money(finding, seen, money)),
        Fact(term="Seen", value="", meaning=looks(finding, seen)),
        Fact(term="Use", value="", meaning=use(seen)),
        Fact(term="Running time", value="", meaning=bands(window)),
        Fact(term="Since", value="", meaning=_since(finding, seen)),
        Fact(term="The rule", value="", meaning=statement),
    )
    return Reason(
        rule=rule,
        statement=known(finding["reason"]) or "",
        facts=tuple(fact for fact in facts if fact.meaning),
    )


def looks(finding: Mapping[str, Any], seen: Mapping[str, Any]) -> str:
    """n, the busy ones among them, and what they exclude."""
    n = int(finding["samples"])
    if not n:
        return "No hour with a reading of the GPU."
    busy = known(seen.get("busy_samples"))
    text = f"GPU read in {count_of(n, 'running hour')}"
    if busy is not None:
        text += f", busy (above 5 %) in {int(busy) if busy else 'none'}"
    bound = known(finding["busy_share_bound"])
    if bound is not None:
        text += f". That excludes a busy share above {percent(100 * bound)} (95 % confidence)"
    coverage = known(seen.get("hour_of_week_coverage"))
    if coverage is not None:
        text += f"; {percent(100 * coverage)} of the 168 hours of a week were looked at"
    return text + "."


def use(seen: Mapping[str, Any]) -> str:
    """Means and peaks of what was read."""
    said = []
    for what, key in (("GPU", "gpu"), ("memory", "memory"), ("CPU", "cpu")):
        mean, peak = seen.get(f"{key}_mean_pct"), seen.get(f"{key}_max_pct")
        if known(peak) is not None:
            before = f"mean {percent(mean)}, " if known(mean) is not None else ""
            said.append(f"{what} {before}peak {percent(peak)}")
    return "; ".join(said) + "." if said else ""


def bands(seen: Mapping[str, Any]) -> str:
    """Running time by band of GPU use, the empty ones left out."""
    running = known(seen.get("running_seconds"))
    if not running:
        return ""
    lows = (0, *BAND_EDGES_PCT)
    labels = [
        (column, f"at {low}\N{EN DASH}{high}\N{NO-BREAK SPACE}%")
        for column, low, high in zip(BAND_COLUMNS, lows, BAND_EDGES_PCT, strict=False)
    ]
    labels += [
        ("band_no_metrics_seconds", "without a reading"),
        ("band_unseen_seconds", "far from any look"),
    ]
    said = [
        f"{share(seen[column], running, 0)} {words}"
        for column, words in labels
        if known(seen.get(column))
    ]
    return f"{duration(running)}: {', '.join(said)} GPU use." if said else duration(running)


def _since(finding: Mapping[str, Any], seen: Mapping[str, Any]) -> str:
    since, busy = known(finding["since_at"]), known(seen.get("last_busy_at"))
    text = moment(since) if since is not None else ""
    if busy is not None:
        text += f"{'; l' if text else 'L'}ast seen busy {moment(busy)}"
    elif text and known(finding["samples"]):
        text += "; never seen busy"
    return text


def _money(finding: Mapping[str, Any], seen: Mapping[str, Any], money: Money) -> str:
    spend, waste = known(finding["spend_micros"]), known(finding["provable_waste_micros"])
    rate = known(seen.get("hourly_rate_micros"))
    said = []
    if rate is not None:
        said.append(f"{money.rate(rate)}")
    if spend is not None:
        said.append(f"cost {money.exact(spend)} in the last 30 days")
    if waste:
        said.append(f"provably wasted {money.exact(waste)} in the days the rule looks at")
    saving = known(finding["counted_saving_micros"])
    if saving:
        said.append(f"saves {money.exact(saving)} over the next 30 days")
    return "; ".join(said) + "." if said else UNKNOWN
