"""The method of the figures in a few sentences, for the end of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Fact
from pipeline.report.text.numbers import percent
from pipeline.schema import BUSY_ABOVE_PCT

if TYPE_CHECKING:
    from pipeline.settings import Settings


def method(settings: Settings) -> tuple[Fact, ...]:
    """The method in a few sentences."""
    days, strict = settings.rules.idle_window_days, percent(settings.rules.idle_share_pct)
    meanings = {
        "Spend": "The increase of a cluster's cost counter between two snapshots, split at "
        "midnight UTC by time. Without a counter: rate times running time, marked as estimated.",
        "GPU use": "Read in each snapshot. A reading stands for at most 30 minutes before and "
        "after it. A sample is an hour with a reading while the cluster ran. Busy means GPU use "
        f"above {BUSY_ABOVE_PCT:g} %.",
        "Waste": "The least that running idle clusters can have cost, times the share of their "
        "running time that cannot have been busy. The samples limit the busy share: n samples "
        "without work leave 1 \N{MINUS SIGN} 0.05^(1/n) possible (95 % confidence), and running "
        f"time without a sample counts as busy. Judged over {days} days. A cluster that is stuck "
        "and charged counts with what that cost. Waste is called proven if its finding is proven; "
        "of other findings, this much may have been wasted. provable_waste in the CSV files is the "
        "amount at every grade.",
        "Grades": "How certain a finding is: proven, likely or suspected. An idle finding is "
        "graded by the busy share that its samples leave possible, and by the share of its sampled "
        f"time without work (proven: at least {strict}). Proven idle needs snapshots at random "
        "instants: use extract --spread.",
        "Savings": "What acting saves if the clusters otherwise stay as they are. Past idle time "
        "does not promise that: of real machines that were idle for two weeks, 26 to 68 % worked "
        "again within 30 days.",
        "One amount per cluster": "Several findings about a cluster concern the same money, which "
        "counts once, at the largest amount. Of several actions, the one that saves most counts.",
        "Rounding": "Each figure is rounded by itself; totals are sums of unrounded values. 0 % "
        "and 100 % are shown only when exact; a dash means unknown, not zero.",
    }
    return tuple(Fact(term=term, value="", meaning=meaning) for term, meaning in meanings.items())
