"""How often unusual spend is found and falsely found, and how far forecasts are off, on two fleets.

One fleet on which thresholds were checked, one (``unseen``) whose parameters were fixed before;
both are those of precision.py, here for ten weeks of nightly snapshots.

Unusual spend: the series are those of the report (the fleet, its projects, its GPU types), on the
days of the last four weeks. Each weekday of each series is raised by half, by itself, and counts as
found if the day is called unusual. Every day called unusual without that counts as a false alarm,
though the simulator's own comings and goings move a series too.

Forecast: from every day of the last four weeks, for the fleet and for each project, the method is
chosen by what was known then; its next seven days are compared with what came, beside yesterday
again. Error: sum of |forecast - actual| per day over the sum of the actual.

    python benchmarks/foresight.py [CLUSTERS]
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import precision

from pipeline.settings import Rules
from pipeline.simulator.fleet import Fleet
from pipeline.transform import anomalies, forecast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 70
TESTED = 28
RAISED = 1.5
WEEKDAYS = 5
CUTS: tuple[list[str], ...] = ([], ["project_id"], ["gpu_type"])


def first_day() -> date:
    """Of the ledger."""
    return START.date()


def nightly_ledger(fleet: Fleet) -> pd.DataFrame:
    """The ledger of a snapshot each midnight."""
    return precision.ledger_of(fleet, 24, days=DAYS)


def series(ledger: pd.DataFrame, dims: list[str]) -> Floats:
    """Spend per day in micros, a row per group."""
    keys = [ledger[name].astype("str") for name in dims] or [pd.Series("fleet", ledger.index)]
    table = ledger.pivot_table(
        index=keys, columns="date", values="spend_micros", aggfunc="sum", fill_value=0
    )
    return np.asarray(table.to_numpy(np.float64))


def unusual(values: Floats, column: int) -> NDArray[np.bool_]:
    """Which series are unusual on a day."""
    scores = anomalies.score(values, forecast.day_number(first_day()), column)
    return anomalies.is_unusual(scores, Rules())


def watch(ledger: pd.DataFrame, dims: list[str]) -> dict[str, int]:
    """Days of series: how many, how many falsely found; weekdays raised, how many of them found."""
    values = series(ledger, dims)
    counts = dict.fromkeys(("days", "false", "raised", "found"), 0)
    for column in range(values.shape[1] - TESTED, values.shape[1]):
        calm = unusual(values, column)
        counts["days"] += len(calm)
        counts["false"] += int(calm.sum())
        if (first_day() + timedelta(days=column)).weekday() < WEEKDAYS:
            raised = values.copy()
            raised[:, column] *= RAISED
            # What is less than the floor in money is not to be found.
            floor = (RAISED - 1) * values[:, column] >= Rules().anomaly_min_money * 1e6
            counts["raised"] += int(floor.sum())
            counts["found"] += int((unusual(raised, column) & floor).sum())
    return counts


def foresee(ledger: pd.DataFrame) -> tuple[float, float]:
    """The error of the forecast that would have been quoted, and that of yesterday again."""
    last = first_day() + timedelta(days=DAYS - 1)
    missed = naive = total = 0.0
    for back in range(TESTED, 6, -1):
        origin = last - timedelta(days=back)
        known = ledger[ledger["date"] <= pd.Timestamp(origin)]
        past, start = forecast.daily(known, origin)
        actual = forecast.daily(ledger, last)[0][len(past) :][: forecast.WEEK]
        missed += float(np.abs(forecast.combined(past, start, len(actual)) - actual).sum())
        naive += float(np.abs(past[-1] - actual).sum())
        total += float(actual.sum())
    return missed / total, naive / total


def main() -> None:
    """Both fleets."""
    clusters = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for name, parameters in precision.FLEETS.items():
        fleet = Fleet(clusters=clusters, start=START, days=DAYS, **parameters)  # type: ignore[arg-type]
        ledger = nightly_ledger(fleet)
        for dims in CUTS:
            counts = watch(ledger, dims)
            caught = counts["found"] / max(counts["raised"], 1)
            false = counts["false"] / counts["days"]
            print(
                f"{name:<7} unusual  {'+'.join(dims) or 'fleet':<11} "
                f"+50 % found {caught:.3f} of {counts['raised']}, "
                f"false alarms {100 * false:.2f} % of {counts['days']} series-days",
                flush=True,
            )
        parts = [ledger, *(rows for _, rows in ledger.groupby("project_id", observed=True))]
        errors = [foresee(rows) for rows in parts]
        print(
            f"{name:<7} forecast fleet       error {100 * errors[0][0]:.2f} %, "
            f"yesterday again {100 * errors[0][1]:.2f} %"
        )
        ours, naive = (sum(pair[n] for pair in errors[1:]) / len(errors[1:]) for n in (0, 1))
        print(
            f"{name:<7} forecast projects    error {100 * ours:.2f} %, "
            f"yesterday again {100 * naive:.2f} %, mean of {len(errors) - 1}",
            flush=True,
        )


if __name__ == "__main__":
    main()
