"""The report's charts as live Altair charts, for a notebook.

The definitions are those of :mod:`~pipeline.report.charts`. Colours become the light scheme's,
since a notebook has no style sheet of ours, and the text of a mark, which is a title in the page,
becomes a tooltip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from pipeline.report.charts import PALETTE

if TYPE_CHECKING:
    from pipeline.report.charts import Picture


def live(picture: Picture, title: str) -> Picture:
    """``picture`` with plain colours, tooltips and a title."""
    definition = _plain(picture.to_dict())
    definition["title"] = {"text": title, "anchor": "start"}
    definition["config"]["background"] = PALETTE["--card"]
    return alt.Chart.from_dict(definition)


def empty(title: str) -> Picture:
    """A chart that states that there is nothing to draw."""
    chart: Picture = alt.Chart(title=f"{title}: nothing to draw").mark_text()
    return chart


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(value, dict):
        parts = {key: _plain(part) for key, part in value.items()}
        tip = parts.get("encoding", {}).get("description")
        if tip is not None:
            parts["encoding"]["tooltip"] = tip
        return parts
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, str) and value.startswith("var("):
        return PALETTE[value.removeprefix("var(").removesuffix(")")]
    return value
