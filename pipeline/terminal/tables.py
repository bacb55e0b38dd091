"""Draws a frame as a table that fits the terminal, and converts it to JSON records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from pipeline.terminal.drawing import Column, draw

if TYPE_CHECKING:
    from collections.abc import Collection


def table(frame: pd.DataFrame, title: str, stays: Collection[str] = ()) -> str:
    """A frame as a table; amounts in units of the currency, unknown values as a dash.

    ``stays``: the columns that are shown however narrow the terminal is.
    """
    return draw([_column(str(name), frame[name], stays) for name in frame.columns], title)


def _column(name: str, values: pd.Series[Any], stays: Collection[str]) -> Column:
    is_time = values.dtype.kind == "M"
    return Column.of(
        name,
        [_value(value) for value in values.astype(object)],
        is_number=values.dtype.kind in "iuf",
        # A wrapped time is hard to read, and a wrapped id cannot be copied.
        wraps=not is_time and name != "cluster_id",
        stays=name in stays,
    )


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Rows as JSON records: money in micros, unknown values as null; times in UTC with a Z, days
    (times without a zone) as dates.
    """
    days = frame.select_dtypes("datetime").columns
    dated = frame.assign(**{day: frame[day].dt.strftime("%Y-%m-%d") for day in days})
    text = dated.to_json(orient="records", date_format="iso", date_unit="s")
    rows: list[dict[str, object]] = msgspec.json.decode(text)
    return rows


def _value(value: object) -> object:
    """A value that is written as it is shown; None if it is unknown."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN is not itself
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value.tzinfo is None else f"{value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value
