"""Reconciliation with a simulated bill: the residual is the money that no snapshot can show."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from pipeline.errors import KeyRefusedError, SettingsError, StorageError
from pipeline.jobs import Job
from pipeline.jobs.extract import extract
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.reconcile import reconcile_file, reconcile_live
from pipeline.jobs.report import make_report
from pipeline.keys import Secret
from pipeline.settings import Api, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 3
HOURS = DAYS * 24
CSV = b"date,amount\n2026-03-02,100.5\n2026-03-03,0\n"


@dataclass(frozen=True)
class World:
    job: Job
    fleet: Fleet
    clock: Clock


@contextmanager
def observed(folder: str, first_hour: int = 0) -> Iterator[World]:
    """Snapshots at each full hour of a fleet with many short-lived clusters; the API still runs."""
    clock = Clock(START)
    fleet = Fleet(9, 30, START, DAYS + 1, short_lived_per_day=0.5, deaths_per_day=0.05)
    with serve(make_app(fleet, clock, keys=("k",))) as url:
        settings = Settings(stated_currency="USD", api=Api(url=url))
        job = Job(Store(folder), settings, lambda _name, _account: Secret("k"), clock.now)
        for hour in range(first_hour, HOURS + 1):
            clock.set(START + timedelta(hours=hour))
            extract(job, "default")
        update_ledger(job)
        yield World(job, fleet, clock)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with observed(str(tmp_path_factory.mktemp("bills") / "data")) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_bill_yet(world: World) -> None:
    world.job.store.put_state("billed-default", b"")


def unobservable(fleet: Fleet, day: int) -> int:
    """The true cost of a day less what the counters in its hourly lists show, in micros.

    Of a cluster that is listed at two full hours, its counter shows the cost between them; of one
    that is first listed after its creation, all of it.
    """
    begin = START + timedelta(days=day)
    shown = 0
    before = fleet.at(begin).set_index("cluster_id")["total_cost_micros"]
    for hour in range(1, 25):
        now = fleet.at(begin + timedelta(hours=hour)).set_index("cluster_id")["total_cost_micros"]
        shown += int((now - before.reindex(now.index).fillna(0)).sum())
        before = now
    truth = fleet.truth(begin, begin + timedelta(days=1))["spend_micros"]
    return int(truth.sum()) - shown


def test_the_residual_of_each_day_is_what_no_snapshot_can_show(world: World) -> None:
    rows = reconcile_live(world.job, "default", None, None).rows
    assert rows["date"].dt.day.tolist() == [2, 3, 4]
    hidden = [unobservable(world.fleet, day) for day in range(DAYS)]
    assert min(hidden) > 0
    # The ledger estimates the last part of clusters that are gone; the rest is the residual.
    beyond_counters = rows["residual_micros"] + rows["estimated_micros"]
    assert beyond_counters.tolist() == hidden
    assert rows["unobserved_micros"].tolist() == [0] * DAYS


def test_the_residual_of_clusters_in_no_list_is_their_cost(world: World) -> None:
    fleet, begin = world.fleet, START
    rows = reconcile_live(world.job, "default", None, None).rows
    listed = {
        name
        for hour in range(HOURS + 1)
        for name in fleet.at(begin + timedelta(hours=hour))["cluster_id"]
    }
    truth = fleet.truth(begin, begin + timedelta(days=DAYS)).set_index("cluster_id")["spend_micros"]
    never_listed = int(truth[~truth.index.isin(listed)].sum())
    ledger = world.job.store.read_ledger(begin.date(), date(2026, 3, 4))
    error_of_estimates = int(truth[truth.index.isin(listed)].sum() - ledger["spend_micros"].sum())
    assert int(rows["residual_micros"].sum()) == never_listed + error_of_estimates
    assert never_listed > 0


def test_a_day_on_which_the_history_began_is_not_observed_in_full(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with observed(str(tmp_path_factory.mktemp("late") / "data"), first_hour=12) as late:
        rows = reconcile_live(late.job, "default", None, None).rows
    assert rows["unobserved_micros"].gt(0).tolist() == [True, False, False]
    assert rows["residual_micros"].tolist()[0] == 0


def test_a_file_is_kept_and_the_report_compares_it_without_scaling(world: World) -> None:
    before = make_report(world.job).view
    spend = before.totals.spend_micros
    rows = reconcile_file(world.job, "default", CSV, "b.csv", None, None).rows
    assert rows["billed_micros"].tolist() == [100_500_000, 0]
    view = make_report(world.job).view
    [fact] = [fact for fact in view.data_quality if fact.term.startswith("Bill, ")]
    assert fact.value == "$100.50 of $100.50 matched"
    assert "$0.00 was billed and is in no snapshot." in fact.meaning
    assert view.totals.spend_micros == spend
    # A later bill of a day replaces the earlier one, and no other day.
    reconcile_file(world.job, "default", b"date,amount\n2026-03-03,7\n", "c.csv", None, None)
    kept = world.job.store.get_state("billed-default")
    assert kept is not None
    assert b'"2026-03-02":100500000' in kept
    assert b'"2026-03-03":7000000' in kept


def test_a_day_that_is_not_closed_is_not_kept(world: World) -> None:
    data = b"date,amount\n2026-03-04,5\n2026-03-05,1\n"
    reconcile_file(world.job, "default", data, "b.csv", None, None)
    kept = world.job.store.get_state("billed-default")
    assert kept is not None
    assert b'"2026-03-04":5000000' in kept
    assert b"2026-03-05" not in kept


def test_only_the_days_asked_for_are_compared(world: World) -> None:
    day = date(2026, 3, 3)
    rows = reconcile_file(world.job, "default", CSV, "b.csv", day, None).rows
    assert rows["date"].dt.date.tolist() == [day]


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        ("date,amount\n2025-01-01,1\n", StorageError, "2025-01-01 to 2025-01-01, the ledger 2026"),
        (
            "date,amount,currency\n2026-03-02,1,EUR\n",
            SettingsError,
            "bill is in EUR and the ledger",
        ),
    ],
)
def test_a_bill_of_other_days_or_money_is_refused_and_not_kept(
    world: World, data: str, kind: type[Exception], words: str
) -> None:
    kept = world.job.store.get_state("billed-default")
    with pytest.raises(kind, match=words):
        reconcile_file(world.job, "default", data.encode(), "b.csv", None, None)
    assert world.job.store.get_state("billed-default") == kept


def test_a_bill_in_another_currency_is_not_compared_in_reports(world: World) -> None:
    reconcile_file(world.job, "default", CSV, "b.csv", None, None)
    settings = structs.replace(world.job.settings, stated_currency="EUR")
    view = make_report(replace(world.job, settings=settings)).view
    assert not [fact for fact in view.data_quality if fact.term.startswith("Bill")]


def test_a_refused_key_is_no_bill(world: World) -> None:
    stranger = replace(world.job, find_key=lambda _name, _account: Secret("other"))
    with pytest.raises(KeyRefusedError):
        reconcile_live(stranger, "default", None, None)
