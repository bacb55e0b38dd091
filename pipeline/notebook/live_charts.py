"""The report's charts as live Altair charts, for a notebook.

The definitions are those of :mod:`~pipeline.report.charts`. What the page adds around a drawing is
put into it: the light scheme's colours, the legend, and a tooltip in place of a mark's title.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.errors import SettingsError, install_extra
from pipeline.report.charts import FONT, PALETTE

if TYPE_CHECKING:
    from types import ModuleType

    import altair as alt

    from pipeline.report.charts import Picture


FONTS = f"{FONT}, Liberation Sans, sans-serif"
"""The second is the one that the library which draws without a browser brings along."""
_LEGENDS = ("project", "gpu", "grade")
"""The fields whose colours need one."""


def live(picture: Picture, title: str) -> alt.Chart:
    """``picture`` with plain colours, tooltips and a title."""
    definition = _plain(picture)
    definition["title"] = {"text": title, "anchor": "start"}
    definition["config"] |= {"background": PALETTE["--card"], "font": FONTS}
    chart: alt.Chart = _altair().Chart.from_dict(definition)
    return chart


def empty(title: str) -> alt.Chart:
    """A chart that states that there is nothing to draw."""
    chart: alt.Chart = _altair().Chart(title=f"{title}: nothing to draw").mark_text()
    return chart


def _altair() -> ModuleType:
    """The library that shows a chart in a notebook; nothing else needs it.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import altair as alt  # noqa: PLC0415 - part of an extra
    except ModuleNotFoundError as error:
        raise SettingsError(f"fl.charts needs altair; {install_extra('notebook')}") from error
    return alt


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(value, dict):
        parts = {key: _plain(part) for key, part in value.items()}
        channels = parts.get("encoding", {})
        if "description" in channels:
            channels["tooltip"] = channels["description"]
        for channel in channels.values():
            if isinstance(channel, dict) and channel.get("field") in _LEGENDS:
                channel["legend"] = {"title": None, "orient": "bottom"}
        return parts
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, str) and value.startswith("var("):
        return PALETTE[value.removeprefix("var(").removesuffix(")")]
    return value
