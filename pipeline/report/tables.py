"""Rows of a frame as a table that is read: the first ones, then what is not shown, then the sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report.model import Column, Table
from pipeline.report.text.numbers import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    Record = Mapping[Any, Any]


@dataclass(frozen=True)
class Field:
    """A column of a table: its label, and how a row's cell is written."""

    label: str
    cell: Callable[[Record], str]
    is_number: bool = False
    total: Callable[[pd.DataFrame], str] | None = None
    """Writes the sum of rows, for the lines below the table."""

    @property
    def column(self) -> Column:
        """As the table's head has it."""
        return Column(label=self.label, is_number=self.is_number)


def top_table(
    caption: str,
    rows: pd.DataFrame,
    fields: Sequence[Field],
    limit: int,
    *,
    more: str = "",
    sum_label: str = "",
) -> Table:
    """The first ``limit`` of ``rows``.

    Args:
        caption: the table's title.
        rows: in their order.
        fields: the columns, from left to right.
        limit: rows shown.
        more: what follows the number of rows not shown, such as "more in changes.csv"; empty: no
            line for them.
        sum_label: what the last line, for all rows, is called; empty: no such line.
    """
    rest = rows.iloc[limit:]
    totals = []
    if len(rest) and more:
        totals.append(sum_line(f"{count(len(rest))} {more}", rest, fields))
    if sum_label:
        totals.append(sum_line(sum_label, rows, fields))
    return Table(
        caption=caption,
        columns=tuple(field.column for field in fields),
        rows=tuple(
            tuple(field.cell(record) for field in fields)
            for record in rows.head(limit).to_dict("records")
        ),
        totals=tuple(totals),
    )


def sum_line(label: str, rows: pd.DataFrame, fields: Sequence[Field]) -> tuple[str, ...]:
    """A line about several rows: ``label``, then the columns' totals where they have one."""
    return (label, *(field.total(rows) if field.total else "" for field in fields[1:]))
