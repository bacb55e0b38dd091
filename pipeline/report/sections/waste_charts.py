"""Two charts, waste by cluster and price against GPU use, each with its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.report import chart_images, charts
from pipeline.report.model import Chart
from pipeline.report.text import names
from pipeline.report.text.numbers import count, count_of, known, percent, share
from pipeline.rules import GRADES
from pipeline.schema import CLUSTER_KEY, MICROS_PER_UNIT

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.text.numbers import Money
    from pipeline.transform.totals import Totals

_BARS = 10
_POINTS = 200
_NAMED = 5
_NARROW = 260
"""Pixels between the axes on a phone."""
_LETTERS_NARROW = 26
"""Of a name in a chart on a phone."""
_TYPES = len(charts.SERIES) - 1


def waste_chart(inputs: ReportInputs, totals: Totals) -> Chart:
    """The clusters with most waste, proven or not, as bars."""
    title = "Waste by cluster"
    top = _most_waste(inputs)
    if top.empty:
        none = "No waste was found." if totals.judged else "Nothing could be judged."
        return Chart(title=title, summary=none)
    money = inputs.money
    rows = _bars(top, money)
    wasted, clusters = (
        totals.waste_micros + totals.unproven_micros,
        totals.wasteful + totals.unproven,
    )
    held = share(int(top["waste"].sum()), wasted)
    summary = (
        f"{money.rounded(wasted)} in {count_of(len(top), 'cluster')}."
        if len(top) == clusters
        else f"The {count(len(top))} largest of {count(clusters)} clusters account for {held} of "
        f"{money.rounded(wasted)}."
    )
    label = f"Bar chart of waste by cluster, coloured by grade. {summary}"
    short = rows.assign(name=[names.shown(name, _LETTERS_NARROW) for name in rows["name"]])
    return Chart(
        title=title,
        summary=summary,
        svg=chart_images.svg(charts.waste(rows), label),
        narrow=chart_images.svg(charts.waste(short, bars_wide=60), label),
        legend=tuple((grade, grade) for grade in GRADES if grade in set(rows["grade"])),
    )


def waste_picture(inputs: ReportInputs) -> charts.Picture | None:
    """The chart of waste alone; None where there is none."""
    top = _most_waste(inputs)
    return None if top.empty else charts.waste(_bars(top, inputs.money))


def _most_waste(inputs: ReportInputs) -> pd.DataFrame:
    """The clusters that are drawn, most waste first, each with the grade of its largest finding."""
    ranked = inputs.clusters_found
    top = ranked[ranked["waste"].fillna(0) > 0].head(_BARS)
    leads = (
        inputs.open_findings[[*CLUSTER_KEY, "name", "grade", "provable_waste_micros"]]
        .sort_values("provable_waste_micros", ascending=False, kind="stable")
        .drop_duplicates(CLUSTER_KEY)
        .astype({"account": "str", "grade": "object"})
    )
    return top.astype({"account": "str"}).merge(
        leads[[*CLUSTER_KEY, "name", "grade"]], on=CLUSTER_KEY, how="left"
    )


def _bars(top: pd.DataFrame, money: Money) -> pd.DataFrame:
    """The rows of ``charts.waste``."""
    texts = [money.rounded(int(w)) for w in top["waste"]]
    shown = [names.label(n, c, 28) for n, c in zip(top["name"], top["cluster_id"], strict=True)]
    grades = [g if g in GRADES else GRADES[-1] for g in map(known, top["grade"])]
    return pd.DataFrame(
        {
            "position": [str(place) for place in range(len(top))],
            "name": shown,
            "units": _units(top["waste"]).tolist(),
            "text": texts,
            "grade": grades,
            "tip": [f"{n} · {t} · {g}" for n, t, g in zip(shown, texts, grades, strict=True)],
        }
    )


@dataclass(frozen=True, eq=False)
class _Use:
    """The points of price against use."""

    points: pd.DataFrame
    gpu_types: list[str]
    named: int
    clusters: int
    """That could be drawn."""


def use_chart(inputs: ReportInputs) -> Chart:
    """Price per hour against mean GPU use; expensive and little used is a shaded corner."""
    title, money = "Price against GPU use", inputs.money
    use = _use(inputs)
    if use is None:
        return Chart(title=title, summary="No cluster has both a price and GPU readings.")
    points, series, corner = use.points, use.gpu_types, _corner(inputs)
    inside = int(((points["use"] < corner[0]) & (points["rate"] > corner[1])).sum())
    limit = money.rate(round(corner[1] * MICROS_PER_UNIT))
    summary = (
        f"Each mark is a cluster that ran; {count(inside)} of {count(len(points))} "
        f"{'is' if inside == 1 else 'are'} in the shaded corner: above {limit} and below "
        f"{percent(corner[0])} GPU use."
    )
    if use.named:
        most = "one" if use.named == 1 else count(use.named)
        summary += f" Named: the {most} with the most unused money."
    if use.clusters > len(points):
        summary += f" Only the {count(len(points))} with the highest spend are drawn."
    label = f"Scatter plot of price per hour against mean GPU use. {summary}"
    short = points.assign(
        name=[names.shown(n, _LETTERS_NARROW) if n else "" for n in points["name"]]
    )
    return Chart(
        title=title,
        summary=summary,
        svg=chart_images.svg(charts.price_against_use(points, series, money.symbol, corner), label),
        narrow=chart_images.svg(
            charts.price_against_use(short, series, money.symbol, corner, _NARROW), label
        ),
        legend=tuple((f"c{n} s{n}", kind) for n, kind in enumerate(series, start=1)),
    )


def use_picture(inputs: ReportInputs) -> charts.Picture | None:
    """The chart of price against use alone; None where no cluster has both."""
    use = _use(inputs)
    if use is None:
        return None
    symbol, corner = inputs.money.symbol, _corner(inputs)
    return charts.price_against_use(use.points, use.gpu_types, symbol, corner)


def _corner(inputs: ReportInputs) -> tuple[float, float]:
    rules = inputs.settings.rules
    return rules.seed_utilization_pct, rules.seed_hourly_rate


def _use(inputs: ReportInputs) -> _Use | None:
    utilization, money = inputs.utilization, inputs.money
    known_rows = utilization[
        utilization["gpu_mean_pct"].notna() & utilization["hourly_rate_micros"].notna()
    ]
    if known_rows.empty:
        return None
    rows = known_rows.sort_values(
        ["spend_micros", *CLUSTER_KEY], ascending=[False, True, True], na_position="last"
    ).head(_POINTS)
    # The named ones come first.
    rows = rows.sort_values("unused_micros", ascending=False, na_position="last", kind="stable")
    worst = rows.head(_NAMED)["unused_micros"].fillna(0).gt(0)
    named = int(worst.sum())
    kinds, series = _kinds(rows)
    points = pd.DataFrame(
        {
            "use": rows["gpu_mean_pct"].clip(0, 100).tolist(),
            "rate": _units(rows["hourly_rate_micros"]).tolist(),
            "gpu": kinds,
            "name": [
                names.label(name, cluster_id, 28) if place < named else ""
                for place, (name, cluster_id) in enumerate(
                    zip(rows["name"], rows["cluster_id"], strict=True)
                )
            ],
            "tip": [
                f"{names.label(n, c)} · {k} · {money.rate(r)} · {percent(u)} GPU use"
                for n, c, k, r, u in zip(
                    rows["name"],
                    rows["cluster_id"],
                    kinds,
                    rows["hourly_rate_micros"],
                    rows["gpu_mean_pct"],
                    strict=True,
                )
            ],
        }
    )
    return _Use(points, series, named, len(known_rows))


def _kinds(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Each row's GPU type as drawn, and the types drawn, most clusters first."""
    written = (
        rows["gpu_type"]
        .astype("object")
        .map(
            lambda kind: names.shown(kind, 20) if known(kind) is not None else "unknown GPU",
            na_action=None,
        )
    )
    counts = written.value_counts(sort=False).sort_index()
    order = counts.sort_values(ascending=False, kind="stable").index.tolist()
    if len(order) <= _TYPES + 1:
        return written.tolist(), order
    kept, others = order[:_TYPES], "other GPUs"
    return [k if k in kept else others for k in written], [*kept, others]


def _units(micros: pd.Series[Any]) -> pd.Series[Any]:
    """Micros as a float of the currency: for drawing only."""
    return micros.astype("Int64").fillna(0).astype(np.float64) / MICROS_PER_UNIT
