"""Why spend changed compared with the period before."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report import chart_images, charts
from pipeline.report.model import Chart, Column, Section, Table
from pipeline.report.sections import not_observed
from pipeline.report.summary import BridgeNumbers
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, Money, count, known
from pipeline.report.text.periods import in_span, span
from pipeline.schema import MICROS_PER_UNIT
from pipeline.transform.fold import between

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs
    from pipeline.transform.spend_change import SpendChange
    from pipeline.transform.totals import Totals

_SHOWN = 5
_CAUSES = {
    "new": "New clusters",
    "gone": "Clusters gone",
    "resumed": "Resumed running",
    "stopped": "Stopped running",
    "storage": "Charges while stopped",
    "hours": "Running hours changed",
    "GPUs": "Number of GPUs changed",
    "rate": "Price changed",
}


def section(inputs: ReportInputs, totals: Totals) -> Section | None:
    """The causes, which add up to the difference exactly, and the largest changes."""
    change = inputs.spend_change
    if change is None:
        return None
    money, moved = inputs.money, _moved(change)
    return Section(
        key="causes",
        title="Why spend changed",
        sentences=(
            sentence(change, money),
            *not_observed.note(totals),
        ),
        tables=(
            _by_cause(change, moved, inputs.ledger, money),
            _largest_changes(change.rows, money),
        )
        if len(moved)
        else (),
        chart=_waterfall(change, moved, inputs.ledger, money) if len(moved) else None,
    )


def sentence(change: SpendChange, money: Money) -> str:
    """The difference, and its causes."""
    moved = _moved(change)
    difference = int(moved["micros"].sum())
    parts = ", ".join(
        f"{_CAUSES[cause][:1].lower()}{_CAUSES[cause][1:]} {money.signed(micros)}"
        for cause, micros in zip(moved["cause"], moved["micros"], strict=True)
    )
    text = "the same as"
    if difference:
        text = f"{money.rounded(abs(difference))} {'higher' if difference > 0 else 'lower'} than"
    return (
        f"Spend {in_span(*change.after)} was {text} "
        f"{in_span(*change.before)}{': ' + parts if parts else ''}."
    )


def _moved(change: SpendChange) -> pd.DataFrame:
    """The causes that changed anything."""
    causes = change.by_cause
    return causes[causes["micros"] != 0]


def picture(change: SpendChange, ledger: pd.DataFrame, money: Money) -> charts.Picture | None:
    """The waterfall alone; None where nothing changed, or ``ledger`` lacks days of a period."""
    moved, totals = _moved(change), _totals(change, ledger)
    if moved.empty or totals is None:
        return None
    return charts.waterfall(_steps(change, moved, totals, money))


def _waterfall(
    change: SpendChange, moved: pd.DataFrame, ledger: pd.DataFrame, money: Money
) -> Chart | None:
    """The table's rows as a chart; None where the spend of both periods is not at hand."""
    totals = _totals(change, ledger)
    if totals is None:
        return None
    rows = _steps(change, moved, totals, money)
    parts = "; ".join(f"{n} {text}" for n, text in zip(rows["name"], rows["text"], strict=True))
    label = f"Waterfall chart. {parts}. Its axis does not begin at 0."
    narrow = rows.assign(name=rows["name"].str.replace(rf"{NBSP}\d{{4}}$", "", regex=True))
    return Chart(
        title="Change of spend by cause",
        summary=label,
        svg=chart_images.svg(charts.waterfall(rows), label),
        narrow=chart_images.svg(charts.waterfall(narrow, charts.NARROW), label),
    )


def _steps(
    change: SpendChange, moved: pd.DataFrame, totals: tuple[int, int], money: Money
) -> pd.DataFrame:
    """The rows of ``charts.waterfall``."""
    before, after = totals
    amounts = [int(micros) for micros in moved["micros"]]
    levels = list(accumulate(amounts, initial=before))
    causes = [_CAUSES[cause] for cause in moved["cause"]]
    texts = [money.exact(before), *map(money.signed, amounts), money.exact(after)]
    rows = pd.DataFrame(
        {
            "name": [span(*change.before), *causes, span(*change.after)],
            "start": [micros / MICROS_PER_UNIT for micros in (before, *levels[:-1], after)],
            "end": [micros / MICROS_PER_UNIT for micros in (before, *levels[1:], after)],
            "text": texts,
        }
    )
    rows["position"] = [str(place) for place in range(len(rows))]
    return rows.assign(tip=rows["name"] + " · " + rows["text"])


def _by_cause(
    change: SpendChange, moved: pd.DataFrame, ledger: pd.DataFrame, money: Money
) -> Table:
    difference = int(moved["micros"].sum())
    return Table(
        caption=f"Causes: {span(*change.after)} compared with {span(*change.before)}",
        columns=(
            Column(label="Cause"),
            Column(label="Clusters", is_number=True),
            Column(label="Change", is_number=True),
        ),
        rows=tuple(
            (_CAUSES[cause], count(clusters), money.signed(micros))
            for cause, clusters, micros in moved.itertuples(index=False)
        ),
        totals=(
            ("All causes", "", money.signed(difference)),
            *_both_periods(change, ledger, money),
        ),
    )


def _both_periods(
    change: SpendChange, ledger: pd.DataFrame, money: Money
) -> tuple[tuple[str, ...], ...]:
    """Both periods' spend, where the ledger rows at hand hold all of both."""
    totals = _totals(change, ledger)
    if totals is None:
        return ()
    before, after = totals
    return (
        (span(*change.before), "", money.exact(before)),
        (span(*change.after), "", money.exact(after)),
    )


def _totals(change: SpendChange, ledger: pd.DataFrame) -> tuple[int, int] | None:
    periods = (change.before, change.after)
    before, after = (int(between(ledger, *days)["spend_micros"].sum()) for days in periods)
    return (before, after) if after - before == int(change.rows["micros"].sum()) else None


def _largest_changes(rows: pd.DataFrame, money: Money) -> Table:
    order = rows.assign(size=rows["micros"].abs()).sort_values(
        ["size", "account", "cluster_id", "cause"],
        ascending=[False, True, True, True],
        kind="stable",
    )
    return top_table(
        "Clusters with the largest changes",
        order,
        (
            Field("Cluster", lambda row: names.label(known(row["name"]), row["cluster_id"])),
            Field("Project", lambda row: names.shown(known(row["project_id"]))),
            Field("Cause", lambda row: _CAUSES[row["cause"]]),
            Field("Change", lambda row: money.signed(row["micros"]), is_number=True),
        ),
        _SHOWN,
    )


def numbers(change: SpendChange | None) -> BridgeNumbers | None:
    """The same for ``summary.json``."""
    if change is None:
        return None
    causes = change.by_cause
    return BridgeNumbers(
        before=change.before,
        after=change.after,
        causes={
            str(cause): int(micros)
            for cause, micros in zip(causes["cause"], causes["micros"], strict=True)
        },
        difference_micros=int(causes["micros"].sum()),
    )
