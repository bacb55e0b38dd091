"""The charts: one Vega-Lite definition each, which ``chart_images`` draws.

Colours are CSS variables (``var(--c1)``), so one drawing follows light, dark and print. Sizes,
margins and label positions are fixed numbers and never depend on the machine's fonts or time zone,
so equal data gives equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.report import label_places

if TYPE_CHECKING:
    from collections.abc import Sequence

Picture = dict[str, Any]
"""A definition in the language of Vega-Lite, which is JSON."""

Channel = dict[str, Any]
"""A part of one: a mark, an axis, or what a column decides."""

PALETTE = {
    "--c1": "#0b6e99",
    "--c2": "#c75b00",
    "--c3": "#2e7d4f",
    "--c4": "#8a4fa3",
    "--c5": "#a4443a",
    "--c6": "#6b6a22",
    "--c7": "#77808c",
    "--bad": "#b3261e",
    "--warn": "#9a5b00",
    "--ink": "#1a2233",
    "--muted": "#566072",
    "--line": "#dde3ea",
    "--shade": "#fbeceb",
    "--card": "#ffffff",
}
"""The light scheme. The page's style sheet declares the same names; a test compares them."""

SERIES = ("--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7")
"""Colours of series, in order; the last one is for "all others"."""

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
GRADES = {"proven": "--bad", "likely": "--c2", "suspected": "--c7"}

FONT = "Arial"
FONT_SIZE = 12
_TICKS = 5
_NAMES_WIDE = 205
"""Wide enough for 28 letters of a wide font."""
_NAMES_NARROW = 130
"""For 18 letters."""
_NAMES_LONG = 187
"""For 26 letters beside short bars."""
_MONEY_WIDE = 56
_FIGURES_WIDE = 90
"""What the figures beside the bars of the waterfall take."""
_SCATTER_HIGH = 250
_STEP = 20
"""Height of a row of the waterfall."""
WIDE, NARROW = 1006, 330
"""Widths of a chart across the page, and on a phone of 390 pixels."""


@dataclass(frozen=True)
class DailyBudget:
    """A line over the days ``first`` to ``last``, with its label."""

    first: str
    last: str
    units: float
    text: str
    is_label_left: bool = True


def spend_by_day(
    rows: pd.DataFrame,
    days: Sequence[str],
    labelled: Sequence[str],
    projects: Sequence[str],
    symbol: str,
    width: int = WIDE,
    *,
    ahead: pd.DataFrame | None = None,
    budget: DailyBudget | None = None,
) -> Picture:
    """Stacked bars. ``rows``: day, project, units, order, tip; ``labelled``: days with a label.

    ``ahead``, a line with a band: day, units, low, high (null: no band); the first day is the last
    of the bars.
    """
    colors = [f"var({c})" for c in _colors(projects)]
    x = _nominal(
        "day",
        type="ordinal",
        sort=None,
        scale={"domain": list(days), "paddingInner": 0.12, "paddingOuter": 0.06},
        axis={"title": None, "values": list(labelled), "labelAngle": 0, "labelOverlap": False},
    )
    axis = _money_axis(symbol)
    y = _number("units", axis=axis)
    bars = _layer(
        {"type": "bar", "stroke": "var(--card)", "strokeWidth": 0.5},
        rows,
        x=x,
        y=y,
        color=_nominal("project", scale={"domain": list(projects), "range": colors}, legend=None),
        order=_number("order"),
        description=_nominal("tip"),
    )
    layers = [bars]
    if ahead is not None:
        layers += _ahead_layers(ahead, x, axis, budget)
    if budget is not None:
        drawn = [budget.units, float(rows.groupby("day")["units"].sum().max())]
        if ahead is not None:
            drawn += ahead[["units", "high"]].max().dropna().tolist()
        layers += _budget_layers(budget, x, y, above=max(drawn))
    return _styled({"layer": layers, "width": width - _MONEY_WIDE - 10, "height": 230})


def _ahead_layers(
    ahead: pd.DataFrame, x: Channel, axis: Channel, budget: DailyBudget | None
) -> list[Picture]:
    y = _number("units", axis=axis)
    layers = []
    has_band = bool(ahead["low"].notna().all())
    if has_band:
        band = {"type": "area", "color": "var(--muted)", "opacity": 0.3, "aria": False}
        low = _number("low", axis=axis)
        layers.append(_layer(band, ahead, x=x, y=low, y2={"field": "high"}))
    line = {"type": "line", "color": "var(--ink)", "strokeWidth": 2, "strokeDash": [2, 3]}
    layers.append(_layer(line | {"aria": False}, ahead, x=x, y=y))
    top, bottom = (
        float(ahead[column if has_band else "units"].iloc[1:].agg(which))
        for column, which in (("high", "max"), ("low", "min"))
    )
    # Its label goes above the band; where there is a budget, whose label is on top, below both.
    if budget is not None and budget.units > 0.8 * bottom:
        bottom = min(bottom, budget.units)
    at, dy = (top, -7) if budget is None else (bottom, 10)
    last = pd.DataFrame([{"day": ahead["day"].iloc[-1], "units": at, "text": "forecast"}])
    return [*layers, *_label_layers(last, x, y, align="right", dy=dy)]


def _budget_layers(budget: DailyBudget, x: Channel, y: Channel, *, above: float) -> list[Picture]:
    """The line, and its label in its colour where it covers nothing: over ``above``."""
    ends = pd.DataFrame([{"day": d, "units": budget.units} for d in (budget.first, budget.last)])
    line = {"type": "line", "color": "var(--bad)", "strokeWidth": 2, "aria": False}
    side = "left" if budget.is_label_left else "right"
    label = (ends.iloc[:1] if side == "left" else ends.iloc[1:]).assign(
        units=above, text=budget.text
    )
    return [
        _layer(line, ends, x=x, y=y),
        *_label_layers(label, x, y, align=side, dy=-9, color="var(--bad)"),
    ]


def _label_layers(
    rows: pd.DataFrame,
    x: Channel,
    y: Channel,
    *,
    align: str,
    dy: float = 0,
    color: str = "var(--ink)",
) -> list[Picture]:
    """Words beside marks, on a ground of the page's colour so that they are read over others."""
    place = {"type": "text", "align": align, "dy": dy, "aria": False}
    card = "var(--card)"
    ground = {"color": card, "stroke": card, "strokeWidth": 4, "strokeJoin": "round"}
    return [
        _layer(place | style, rows, x=x, y=y, text=_nominal("text"))
        for style in (ground, {"color": color})
    ]


def waste(rows: pd.DataFrame, bars_wide: int = 205) -> Picture:
    """Horizontal bars. ``rows``: position, name, units, text, grade, tip; largest first."""
    names = list(rows["position"])
    names_wide = _NAMES_WIDE if bars_wide >= _NAMES_WIDE else _NAMES_LONG
    place = {
        "x": _number("units", axis=None, scale={"domainMin": 0}),
        "y": _nominal(
            "position",
            sort=None,
            scale={"domain": names, "paddingInner": 0.35},
            axis=_names_axis(names, list(rows["name"]), names_wide),
        ),
        "description": _nominal("tip"),
    }
    grades = {"domain": list(GRADES), "range": [f"var({color})" for color in GRADES.values()]}
    bars = _layer(
        {"type": "bar"}, None, **place, color=_nominal("grade", scale=grades, legend=None)
    )
    text = {"type": "text", "align": "left", "dx": 5, "color": "var(--ink)", "fontWeight": "bold"}
    numbers = _layer(text | {"aria": False}, None, **place, text=_nominal("text"))
    return _styled(
        {
            "data": _data(rows),
            "layer": [bars, numbers],
            "width": bars_wide,
            "height": 30 * len(names),
            "padding": {"left": 5, "right": 80, "top": 5, "bottom": 5},
        }
    )


def waterfall(rows: pd.DataFrame, width: int = WIDE) -> Picture:
    """From a first total over changes to a last one, each row beginning where the one before ends.

    ``rows``: position, name, start, end (units; equal for a total), text, tip. The axis does not
    begin at 0, so totals are ticks and not bars: only lengths of changes are compared.
    """
    names = list(rows["position"])
    names_wide = _NAMES_WIDE if width == WIDE else _NAMES_NARROW
    table = rows.assign(
        right=rows[["start", "end"]].max(axis=1),
        kind=[
            "total" if end == start else "more" if end > start else "less"
            for start, end in zip(rows["start"], rows["end"], strict=True)
        ],
        next=[*names[1:], names[-1]],
    )
    axis = _names_axis(names, list(rows["name"]), names_wide)
    y = _nominal("position", sort=None, scale={"domain": names, "paddingInner": 0.3}, axis=axis)
    plot = width - names_wide - 20
    low, high = float(rows[["start", "end"]].min().min()), float(table["right"].max())
    beside = (high - low) * _FIGURES_WIDE / (plot - _FIGURES_WIDE)
    domain = [low - 0.08 * beside, high + beside]
    x = _number("start", axis=None, scale={"domain": domain, "nice": False, "zero": False})
    end, tip = _number("end", axis=None), _nominal("tip")
    changes = {"domain": ["more", "less"], "range": ["var(--c2)", "var(--c1)"]}
    color = _nominal("kind", scale=changes, legend=None)
    link = {"type": "rule", "color": "var(--muted)", "strokeDash": [2, 2], "aria": False}
    tick = {"type": "tick", "color": "var(--ink)", "thickness": 4, "height": _STEP * 0.7}
    text = {"type": "text", "align": "left", "dx": 6, "color": "var(--ink)", "aria": False}
    right = _number("right", axis=None)
    return _styled(
        {
            "data": _data(table),
            "layer": [
                _layer(link, x=end, y=y, y2={"field": "next"}),
                _layer({"type": "bar"}, x=x, x2={"field": "end"}, y=y, color=color, description=tip)
                | {"transform": [{"filter": "datum.kind != 'total'"}]},
                _layer(tick, x=x, y=y, description=tip)
                | {"transform": [{"filter": "datum.kind == 'total'"}]},
                _layer(text, x=right, y=y, text=_nominal("text")),
            ],
            "width": plot,
            "height": _STEP * len(names),
        }
    )


def price_against_use(
    rows: pd.DataFrame,
    gpu_types: Sequence[str],
    symbol: str,
    corner: tuple[float, float],
    width: int = 380,
) -> Picture:
    """Points over a shaded corner; ``corner``: use and rate.

    ``rows``: use, rate, gpu, name, tip; a name is written beside its point where it is not empty,
    and these rows come first.
    """
    use, rate = corner
    top = max(float(rows["rate"].max()), rate)
    # Marks at 0 and at the highest values stay clear of the axes and their labels.
    uses, rates = (-4.0, 104.0), (-0.05 * top, 1.06 * top)
    shaded = pd.DataFrame([{"x": uses[0], "x2": use, "y": rate, "y2": rates[1]}])
    x = _number(
        "x",
        scale={"domain": list(uses), "nice": False},
        axis={
            "title": "mean GPU use, %",
            "values": list(range(0, 101, 20)),
            "grid": False,
            "titleFontWeight": "normal",
        },
    )
    y = _number("y", scale={"domain": list(rates), "nice": False}, axis=_money_axis(symbol, "/h"))
    area = {"type": "rect", "color": "var(--shade)", "aria": False}
    types = list(gpu_types)
    colors, shapes = [f"var({c})" for c in _colors(types)], list(SHAPES[: len(types)])
    rim = {"stroke": "var(--card)", "strokeWidth": 0.5}
    points = _layer(
        {"type": "point", "filled": True, "size": 60, "opacity": 0.85} | rim,
        rows.rename(columns={"use": "x", "rate": "y"}),
        x=x,
        y=y,
        color=_nominal("gpu", scale={"domain": types, "range": colors}, legend=None),
        shape=_nominal("gpu", scale={"domain": types, "range": shapes}, legend=None),
        description=_nominal("tip"),
    )
    named = _named(rows, uses, rates, width)
    return _styled(
        {
            "layer": [
                _layer(area, shaded, x=x, x2={"field": "x2"}, y=y, y2={"field": "y2"}),
                points,
                *_name_layers(named, x, y),
            ],
            "width": width,
            "height": _SCATTER_HIGH,
        }
    )


def _named(
    rows: pd.DataFrame, uses: tuple[float, float], rates: tuple[float, float], width: int
) -> pd.DataFrame:
    """The rows with a name: x, y, and where it is written: text, at_x, at_y, align, is_near."""
    per_use, per_rate = width / (uses[1] - uses[0]), _SCATTER_HIGH / (rates[1] - rates[0])
    points = list(
        zip((rows["use"] - uses[0]) * per_use, (rates[1] - rows["rate"]) * per_rate, strict=True)
    )
    named = rows[rows["name"] != ""]
    places = label_places.places(points, list(named["name"]), width, _SCATTER_HIGH)
    return pd.DataFrame(
        {
            "x": named["use"].tolist(),
            "y": named["rate"].tolist(),
            "text": named["name"].tolist(),
            "at_x": [uses[0] + place.x / per_use for place in places],
            "at_y": [rates[1] - place.y / per_rate for place in places],
            "align": ["left" if place.is_right else "right" for place in places],
            "is_near": [place.is_near for place in places],
        }
    )


def _name_layers(named: pd.DataFrame, x: Channel, y: Channel) -> list[Picture]:
    """A ring around each named point, its name, and a line to it where it is not right beside."""
    if named.empty:
        return []
    ring = {"type": "point", "color": "var(--ink)", "size": 110, "strokeWidth": 1.5, "opacity": 1}
    layers = [_layer(ring | {"aria": False}, named, x=x, y=y)]
    far = named[~named["is_near"]]
    if len(far):
        lead = {"type": "rule", "color": "var(--ink)", "aria": False}
        ends = {"x2": {"field": "at_x"}, "y2": {"field": "at_y"}}
        layers.append(_layer(lead, far, x=x, y=y, **ends))
    for align, rows in named.groupby("align"):
        at = rows[["at_x", "at_y", "text"]].set_axis(["x", "y", "text"], axis=1)
        layers += _label_layers(at, x, y, align=str(align))
    return layers


def line(values: Sequence[float | None], width: int = 84, height: int = 22) -> str:
    """The path of a row's small line of percentages; unknown values break it."""
    if not any(value is not None for value in values):
        return ""
    step = (width - 4) / max(1, len(values) - 1)
    path, pen_up = [], True
    for place, value in enumerate(values):
        if value is None:
            pen_up = True
            continue
        x, y = 2 + place * step, 2 + (height - 4) * (1 - value / 100)
        path.append(f"{'M' if pen_up else 'L'}{x:.1f} {y:.1f}")
        if pen_up:  # a lone point is a dot
            path.append("h.1")
        pen_up = False
    return "".join(path)


def _colors(series: Sequence[str]) -> list[str]:
    return list(SERIES[: len(series)])


def _layer(mark: Channel, rows: pd.DataFrame | None = None, **encoding: Channel) -> Picture:
    """A mark for each of ``rows``; without rows, for each of the chart's."""
    layer = {"mark": mark, "encoding": encoding}
    return layer if rows is None else layer | {"data": _data(rows)}


def _number(field: str, **more: object) -> Channel:
    return {"field": field, "type": "quantitative", **more}


def _nominal(field: str, **more: object) -> Channel:
    return {"field": field, "type": "nominal", **more}


def _data(rows: pd.DataFrame) -> Channel:
    """The rows as JSON has them: an unknown value is null."""
    cells = rows.astype("object")
    return {"values": cells.where(cells.notna(), None).to_dict("records")}


def _money_axis(symbol: str, suffix: str = "") -> Channel:
    return {
        "title": None,
        "tickCount": _TICKS,
        "domain": False,
        "ticks": False,
        "minExtent": _MONEY_WIDE,
        "maxExtent": _MONEY_WIDE,
        "labelExpr": f"{_quoted(symbol)} + format(datum.value, '~s') + {_quoted(suffix)}",
    }


def _names_axis(positions: Sequence[str], names: Sequence[str], wide: int) -> Channel:
    return {
        "title": None,
        "domain": False,
        "ticks": False,
        "minExtent": wide,
        "maxExtent": wide,
        # Names come shortened in the middle; a cut at the end could make two of them equal.
        "labelLimit": 0,
        # Two clusters may share a name: the axis counts positions, and shows names.
        "labelExpr": _lookup(positions, names),
    }


def _lookup(keys: Sequence[str], texts: Sequence[str]) -> str:
    """A Vega expression that turns a key into its text."""
    pairs = ", ".join(f"{_quoted(k)}: {_quoted(t)}" for k, t in zip(keys, texts, strict=True))
    return f"({{{pairs}}})[datum.value]"


def _quoted(text: str) -> str:
    """A string literal of Vega's expression language that can hold nothing but text."""
    return '"' + "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in _basic(text)) + '"'


def _basic(text: str) -> str:
    """``text`` as UTF-16 units, which is what an escape can name."""
    units = text.encode("utf-16-be", "replace")
    return "".join(chr(int.from_bytes(units[i : i + 2])) for i in range(0, len(units), 2))


def _styled(chart: Picture) -> Picture:
    axis = {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": FONT_SIZE,
        "titleFontSize": FONT_SIZE,
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "padding": 5,
        "autosize": {"type": "pad"},
        **chart,
        "config": {
            "background": "transparent",
            "font": FONT,
            "axis": axis,
            "text": {"fontSize": FONT_SIZE},
            "view": {"stroke": None},
        },
    }
