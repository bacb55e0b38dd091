"""The charts: one Altair definition each, which ``chart_images`` draws.

Colours are CSS variables (``var(--c1)``), so one drawing follows light, dark and print. Sizes,
margins and label positions are fixed numbers and never depend on the machine's fonts or time zone,
so equal data gives equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from pipeline.report import label_places

if TYPE_CHECKING:
    from collections.abc import Sequence

Picture = alt.Chart | alt.LayerChart | alt.FacetChart

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
    x = alt.X(
        "day:O",
        sort=None,
        scale=alt.Scale(domain=list(days), paddingInner=0.12, paddingOuter=0.06),
        axis=alt.Axis(title=None, values=list(labelled), labelAngle=0, labelOverlap=False),
    )
    axis = _money_axis(symbol)
    y = alt.Y("units:Q", axis=axis)
    bars = (
        alt.Chart(rows)
        .mark_bar(stroke="var(--card)", strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "project:N", scale=alt.Scale(domain=list(projects), range=colors), legend=None
            ),
            order=alt.Order("order:Q"),
            description="tip:N",
        )
    )
    layers = [bars]
    if ahead is not None:
        layers += _ahead_layers(ahead, x, axis, budget)
    if budget is not None:
        layers += _budget_layers(budget, x, y)
    return _styled(alt.layer(*layers).properties(width=width - _MONEY_WIDE - 10, height=230))


def _ahead_layers(
    ahead: pd.DataFrame, x: alt.X, axis: alt.Axis, budget: DailyBudget | None
) -> list[alt.Chart]:
    y = alt.Y("units:Q", axis=axis)
    base = alt.Chart(ahead).encode(x=x)
    layers = []
    has_band = bool(ahead["low"].notna().all())
    if has_band:
        band = base.mark_area(color="var(--muted)", opacity=0.3, aria=False)
        layers.append(band.encode(y=alt.Y("low:Q", axis=axis), y2="high:Q"))
    line = base.mark_line(color="var(--ink)", strokeWidth=2, strokeDash=[2, 3], aria=False)
    layers.append(line.encode(y=y))
    # Its label goes above the band, or below it where the budget's line is.
    top, bottom = (
        float(ahead[column].iloc[1:].agg(which))
        for column, which in (("high" if has_band else "units", "max"), ("low", "min"))
    )
    is_free = budget is None or not 0.8 * top < budget.units < 1.3 * top
    at = top if is_free or not has_band else bottom
    last = pd.DataFrame([{"day": ahead["day"].iloc[-1], "units": at, "text": "forecast"}])
    return [*layers, *_label_layers(last, x, y, align="right", dy=-7 if at == top else 10)]


def _budget_layers(budget: DailyBudget, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    ends = pd.DataFrame([{"day": d, "units": budget.units} for d in (budget.first, budget.last)])
    line = alt.Chart(ends).mark_line(color="var(--bad)", strokeWidth=2, aria=False)
    side = "left" if budget.is_label_left else "right"
    label = ends.iloc[:1] if side == "left" else ends.iloc[1:]
    return [
        line.encode(x=x, y=y),
        *_label_layers(label.assign(text=budget.text), x, y, align=side, dy=-9),
    ]


def _label_layers(
    rows: pd.DataFrame, x: alt.X, y: alt.Y, *, align: str, dx: float = 0, dy: float = 0
) -> list[alt.Chart]:
    """Words beside marks, on a ground of the page's colour so that they are read over others."""
    base = alt.Chart(rows).encode(x=x, y=y, text="text:N")
    place: dict[str, Any] = {"align": align, "dx": dx, "dy": dy, "aria": False}
    ground = base.mark_text(
        **place, color="var(--card)", stroke="var(--card)", strokeWidth=4, strokeJoin="round"
    )
    return [ground, base.mark_text(**place, color="var(--ink)")]


def waste(rows: pd.DataFrame, bars_wide: int = 205) -> Picture:
    """Horizontal bars. ``rows``: position, name, units, text, grade, tip; largest first."""
    names = list(rows["position"])
    names_wide = _NAMES_WIDE if bars_wide >= _NAMES_WIDE else _NAMES_NARROW
    base = alt.Chart(rows, width=bars_wide, height=30 * len(names)).encode(
        y=alt.Y(
            "position:N",
            sort=None,
            scale=alt.Scale(domain=names, paddingInner=0.35),
            axis=_names_axis(names, list(rows["name"]), names_wide),
        ),
        x=alt.X("units:Q", axis=None, scale=alt.Scale(domainMin=0)),
        description="tip:N",
    )
    bars = base.mark_bar().encode(
        color=alt.Color(
            "grade:N",
            scale=alt.Scale(
                domain=list(GRADES), range=[f"var({color})" for color in GRADES.values()]
            ),
            legend=None,
        )
    )
    numbers = base.mark_text(
        align="left", dx=5, color="var(--ink)", fontWeight="bold", aria=False
    ).encode(text="text:N")
    return _styled(
        alt.layer(bars, numbers), padding={"left": 5, "right": 80, "top": 5, "bottom": 5}
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
    y = alt.Y("position:N", sort=None, scale=alt.Scale(domain=names, paddingInner=0.3), axis=axis)
    plot = width - names_wide - 20
    low, high = float(rows[["start", "end"]].min().min()), float(table["right"].max())
    beside = (high - low) * _FIGURES_WIDE / (plot - _FIGURES_WIDE)
    x = alt.X(
        "start:Q",
        axis=None,
        scale=alt.Scale(domain=[low - 0.08 * beside, high + beside], nice=False, zero=False),
    )
    base = alt.Chart(table).encode(y=y)
    links = base.mark_rule(color="var(--muted)", strokeDash=[2, 2], aria=False).encode(
        x=alt.X("end:Q", axis=None), y2="next:N"
    )
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["more", "less"], range=["var(--c2)", "var(--c1)"]),
        legend=None,
    )
    bars = base.transform_filter("datum.kind != 'total'").mark_bar()
    ticks = base.transform_filter("datum.kind == 'total'").mark_tick(
        color="var(--ink)", thickness=4, height=_STEP * 0.7
    )
    texts = base.mark_text(align="left", dx=6, color="var(--ink)", aria=False)
    return _styled(
        alt.layer(
            links,
            bars.encode(x=x, x2="end:Q", color=color, description="tip:N"),
            ticks.encode(x=x, description="tip:N"),
            texts.encode(x=alt.X("right:Q", axis=None), text="text:N"),
        ).properties(width=plot, height=_STEP * len(names))
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
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=list(uses), nice=False),
        axis=alt.Axis(
            title="mean GPU use, %",
            values=list(range(0, 101, 20)),
            grid=False,
            titleFontWeight="normal",
        ),
    )
    y = alt.Y(
        "y:Q", scale=alt.Scale(domain=list(rates), nice=False), axis=_money_axis(symbol, "/h")
    )
    corner_mark = (
        alt.Chart(shaded)
        .mark_rect(color="var(--shade)", aria=False)
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q")
    )
    points = (
        alt.Chart(rows.rename(columns={"use": "x", "rate": "y"}))
        .mark_point(filled=True, size=60, opacity=0.85, stroke="var(--card)", strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "gpu:N",
                scale=alt.Scale(
                    domain=list(gpu_types), range=[f"var({c})" for c in _colors(gpu_types)]
                ),
                legend=None,
            ),
            shape=alt.Shape(
                "gpu:N",
                scale=alt.Scale(domain=list(gpu_types), range=list(SHAPES[: len(gpu_types)])),
                legend=None,
            ),
            description="tip:N",
        )
    )
    named = _named(rows, uses, rates, width)
    return _styled(
        alt.layer(corner_mark, points, *_name_layers(named, x, y)).properties(
            width=width, height=_SCATTER_HIGH
        )
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


def _name_layers(named: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """A ring around each named point, its name, and a line to it where it is not right beside."""
    if named.empty:
        return []
    ring = alt.Chart(named).mark_point(
        color="var(--ink)", size=110, strokeWidth=1.5, opacity=1, aria=False
    )
    layers = [ring.encode(x=x, y=y)]
    far = named[~named["is_near"]]
    if len(far):
        lead = alt.Chart(far).mark_rule(color="var(--ink)", aria=False)
        layers.append(lead.encode(x=x, y=y, x2="at_x:Q", y2="at_y:Q"))
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


def _money_axis(symbol: str, suffix: str = "") -> alt.Axis:
    return alt.Axis(
        title=None,
        tickCount=_TICKS,
        domain=False,
        ticks=False,
        minExtent=_MONEY_WIDE,
        maxExtent=_MONEY_WIDE,
        labelExpr=f"{_quoted(symbol)} + format(datum.value, '~s') + {_quoted(suffix)}",
    )


def _names_axis(positions: Sequence[str], names: Sequence[str], wide: int) -> alt.Axis:
    return alt.Axis(
        title=None,
        domain=False,
        ticks=False,
        minExtent=wide,
        maxExtent=wide,
        # Names come shortened in the middle; a cut at the end could make two of them equal.
        labelLimit=0,
        # Two clusters may share a name: the axis counts positions, and shows names.
        labelExpr=_lookup(positions, names),
    )


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


def _styled(chart: Picture, padding: int | dict[str, int] = 5) -> Picture:
    axis: dict[str, Any] = {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": FONT_SIZE,
        "titleFontSize": FONT_SIZE,
    }
    styled: Picture = (
        chart.properties(padding=padding, autosize=alt.AutoSizeParams(type="pad"))
        .configure(background="transparent", font=FONT)
        .configure_axis(**axis)
        .configure_text(fontSize=FONT_SIZE)
        .configure_view(stroke=None)
    )
    return styled
