"""Prune: snapshots are removed and the ledger stays the same, over a simulated fleet."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.cli.commands.maintenance import prune as command
from pipeline.errors import SettingsError, StorageError
from pipeline.jobs import Job, prune
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.keys import Secret
from pipeline.model import Snapshot, State
from pipeline.schema import SNAPSHOT
from pipeline.settings import MOST_DAYS, Retention, Settings, override
from pipeline.simulator.fleet import Fleet
from pipeline.store import Store, ledger
from pipeline.store.check import check

if TYPE_CHECKING:
    from pipeline.model import SnapshotRef
    from tests.store.conftest import MakeSnapshot

START = datetime(2026, 10, 1, tzinfo=UTC)
FIRST = START.date()
DAYS = 10
EVERY_HOURS = 4
AGES = prune.Ages(today=FIRST + timedelta(days=DAYS - 1), thin_after_days=3, drop_after_days=6)


def job_of(store: Store) -> Job:
    now = START + timedelta(days=30)
    return Job(store, Settings(), lambda *_: Secret(""), lambda: now)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(3, 30, START, DAYS + 3)


def take(store: Store, fleet: Fleet, moment: datetime, snapshot: MakeSnapshot) -> SnapshotRef:
    frame = fleet.at(moment)
    frame = frame.assign(account="default", observed_at=moment)
    frame = frame.assign(**{n: None for n in SNAPSHOT.names if n not in frame.columns})
    table = SNAPSHOT.from_pandas(frame).select(SNAPSHOT.stored.names)
    blank = snapshot(moment, rows=len(frame)).certificate
    return store.publish_snapshot(Snapshot(certificate=blank, table=table))


def watch(store: Store, fleet: Fleet, snapshot: MakeSnapshot, first: int, last: int) -> None:
    for hour in range(first * 24 + 1, last * 24 + 1, EVERY_HOURS):
        take(store, fleet, START + timedelta(hours=hour), snapshot)
    update_ledger(job_of(store))


@pytest.fixture(scope="module")
def template(
    fleet: Fleet, snapshot: MakeSnapshot, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("prune") / "data"
    watch(Store(str(folder)), fleet, snapshot, 0, DAYS)
    return folder


@pytest.fixture
def watched(template: Path, tmp_path: Path) -> Store:
    shutil.copytree(template, tmp_path / "data")
    return Store(str(tmp_path / "data"))


def run(store: Store, ages: prune.Ages = AGES) -> prune.Pruned:
    return prune.prune(job_of(store), ages)


def snapshots_per_day(store: Store) -> dict[int, int]:
    counts: dict[int, int] = {}
    for ref in store.snapshots():
        number = (ref.day - FIRST).days
        counts[number] = counts.get(number, 0) + 1
    return counts


def ledger_bytes(store: Store) -> dict[str, bytes]:
    return {ref.key: store.files.read(ref.key) for ref in store.ledger_days()}


def test_old_snapshots_are_removed_and_no_ledger_day_changes(watched: Store) -> None:
    before = ledger_bytes(watched)
    assert snapshots_per_day(watched) == dict.fromkeys(range(DAYS), 6)
    spend = int(watched.read_ledger(FIRST, AGES.today)["spend_micros"].sum())
    done = run(watched)
    # Days 0-3 dropped, 4-6 thinned to one snapshot, 7-9 untouched; day 6 keeps the three that
    # the first open day reads: only a later snapshot proves that the walk of 21:00 ended by
    # midnight.
    assert snapshots_per_day(watched) == {4: 1, 5: 1, 6: 3, 7: 6, 8: 6, 9: 6}
    assert [(ref.day - FIRST).days for ref in done.final] == [0, 1, 2, 3, 4, 5, 6]
    assert done.blocked == ()
    assert done.spend_micros == spend
    assert ledger_bytes(watched) == before
    assert int(watched.read_ledger(FIRST, AGES.today)["spend_micros"].sum()) == spend
    assert check(watched.files, read_data=True).problems == ()
    # The snapshots that prune removed are no gap.
    after = job_of(watched)
    update_ledger(after)
    assert after.messages == []


def test_a_report_of_a_day_without_snapshots_is_made_from_the_ledger(watched: Store) -> None:
    day = FIRST + timedelta(days=2)
    before = make_report(job_of(watched), day)
    run(watched)
    assert watched.snapshots()[0].day > day
    again = make_report(job_of(watched), day)
    assert (again.day, again.view.title) == (day, before.view.title)
    assert make_report(job_of(watched), FIRST).day == FIRST
    with pytest.raises(SettingsError, match=f"the history begins on {FIRST}"):
        make_report(job_of(watched), FIRST - timedelta(days=1))


def test_a_plan_names_what_would_be_removed_and_changes_nothing(watched: Store) -> None:
    before = watched.files.keys("")
    planned = prune.plan(job_of(watched), AGES)
    assert watched.files.keys("") == before
    done = run(watched)
    assert done.removed == planned.remove
    assert done.final == planned.finalize


def test_a_second_prune_finds_nothing_to_do(watched: Store) -> None:
    run(watched)
    again = run(watched)
    assert (again.final, again.removed, again.blocked) == ((), (), ())


def test_later_days_are_the_same_after_a_prune(
    watched: Store, fleet: Fleet, snapshot: MakeSnapshot, template: Path, tmp_path: Path
) -> None:
    shutil.copytree(template, tmp_path / "never pruned")
    other = Store(str(tmp_path / "never pruned"))
    for last in range(DAYS + 1, DAYS + 4):
        today = FIRST + timedelta(days=last - 2)
        run(watched, prune.Ages(today=today, thin_after_days=2, drop_after_days=3))
        for store in (watched, other):
            watch(store, fleet, snapshot, last - 1, last)
    assert len(watched.snapshots()) < len(other.snapshots()) / 2
    assert ledger_bytes(watched) == ledger_bytes(other)


def test_open_days_are_rebuilt_to_equal_bytes_from_what_is_kept(watched: Store) -> None:
    before = ledger_bytes(watched)
    run(watched, prune.Ages(today=AGES.today, thin_after_days=1, drop_after_days=1))
    final = {day for _, day in watched.final_days()}
    for ref in watched.ledger_days():
        if ref.day not in final:
            watched.files.delete(ref.key)
    update_ledger(job_of(watched))
    assert ledger_bytes(watched) == before


def test_a_final_day_is_never_built_again(watched: Store) -> None:
    run(watched)
    frame = watched.read_ledger(FIRST, FIRST)
    with pytest.raises(StorageError, match="ledger day 2026-10-01 of account default is final"):
        watched.publish_ledger_day("default", FIRST, "ffff", frame)


def test_a_snapshot_too_late_for_a_final_day_changes_nothing(
    watched: Store, fleet: Fleet, snapshot: MakeSnapshot
) -> None:
    run(watched)
    before = ledger_bytes(watched)
    late = take(watched, fleet, START + timedelta(days=5, hours=2), snapshot)
    # Between a final day's end and the snapshot that closed it: inside its inputs too.
    edge = take(watched, fleet, START + timedelta(days=7, minutes=30), snapshot)
    fresh = take(watched, fleet, START + timedelta(days=9, hours=23), snapshot)
    assert watched.late_ignored() == [late, edge]
    assert watched.late_ignored(first=FIRST + timedelta(days=6)) == [edge]
    assert fresh in watched.snapshots()
    update_ledger(job_of(watched))
    changed = {key for key, data in ledger_bytes(watched).items() if before.get(key) != data}
    assert {key.split("/")[2] for key in changed} == {"date=2026-10-10"}
    run(watched)
    assert late in watched.snapshots()  # kept until it is old enough to be dropped


def test_a_stale_or_missing_day_keeps_its_snapshots_with_the_reason(
    watched: Store, fleet: Fleet, snapshot: MakeSnapshot
) -> None:
    take(watched, fleet, START + timedelta(days=2, hours=2), snapshot)
    [first_day] = [ref for ref in watched.ledger_days() if ref.day == FIRST]
    watched.files.delete(first_day.key)
    done = run(watched)
    [reason] = prune.reasons(done.blocked)
    assert reason == (
        "account default, 3 days from 2026-10-01 to 2026-10-03: the snapshots are kept: "
        "missing or stale: run ledger first"
    )
    # Each keeps all it needs: its own snapshots and their neighbours to the second complete one.
    assert snapshots_per_day(watched) == {
        0: 6,
        1: 6,
        2: 7,
        3: 2,
        4: 1,
        5: 1,
        6: 3,
        7: 6,
        8: 6,
        9: 6,
    }
    update_ledger(job_of(watched))
    assert run(watched).blocked == ()
    assert snapshots_per_day(watched) == {4: 1, 5: 1, 6: 3, 7: 6, 8: 6, 9: 6}


def test_days_of_several_row_groups_are_made_final(
    watched: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "GROUP_ROWS", 7)
    update_ledger(job_of(watched), rebuild=True)
    before = ledger_bytes(watched)
    done = run(watched)
    assert done.blocked == ()
    assert len(done.final) == 7
    assert ledger_bytes(watched) == before


def test_a_day_that_is_rebuilt_differently_is_not_made_final(watched: Store) -> None:
    [day] = [ref for ref in watched.ledger_days() if ref.day == FIRST + timedelta(days=1)]
    frame = watched.read_ledger(day.day, day.day)
    frame.loc[0, "spend_micros"] += 1
    watched.publish_ledger_day("default", day.day, day.digest, frame)
    done = run(watched)
    [reason] = prune.reasons(done.blocked)
    assert "2026-10-02: the snapshots are kept: built again, the day differs" in reason
    assert snapshots_per_day(watched)[1] == 6


def test_a_damaged_snapshot_keeps_its_days_open(watched: Store) -> None:
    damaged = watched.snapshots()[8]
    data = bytearray(watched.files.read(damaged.key))
    data[50] ^= 1
    watched.files.replace(damaged.key, bytes(data))
    done = run(watched)
    assert damaged.key in done.blocked[0].reason
    assert damaged in watched.snapshots()


def test_days_that_are_not_closed_keep_their_snapshots(
    store: Store, fleet: Fleet, snapshot: MakeSnapshot
) -> None:
    watch(store, fleet, snapshot, 0, 2)
    done = run(store)  # long after the last snapshot
    assert [(ref.day - FIRST).days for ref in done.final] == [0]
    assert prune.reasons(done.blocked) == [
        "account default, 2026-10-02: the snapshots are kept: no complete snapshot after it yet"
    ]
    assert snapshots_per_day(store) == {0: 3, 1: 6}


def test_a_thinned_day_keeps_its_last_complete_snapshot(
    watched: Store, snapshot: MakeSnapshot
) -> None:
    taken = snapshot(START + timedelta(days=4, hours=22), state=State.DRIFTED, rows=2)
    watched.publish_snapshot(taken)
    update_ledger(job_of(watched))
    run(watched)
    [kept] = watched.snapshots(first=FIRST + timedelta(days=4), last=FIRST + timedelta(days=4))
    assert (kept.state, kept.started_at.hour) == (State.COMPLETE, 21)


def test_a_prune_that_dies_anywhere_is_finished_by_the_next(
    store: Store, fleet: Fleet, snapshot: MakeSnapshot
) -> None:
    watch(store, fleet, snapshot, 0, 4)
    ages = prune.Ages(today=FIRST + timedelta(days=3), thin_after_days=1, drop_after_days=2)
    spend = int(store.read_ledger(FIRST, ages.today)["spend_micros"].sum())
    total = len(store.files.keys(""))

    class Dying:
        """The store's files; the N-th change kills the run."""

        def __init__(self, changes: int) -> None:
            self.changes = changes

        def __getattr__(self, name: str) -> object:
            value = getattr(store.files, name)
            if name not in {"put_new", "replace", "delete"}:
                return value

            def change(*args: object) -> None:
                if self.changes == 0:
                    raise KeyboardInterrupt
                self.changes -= 1
                value(*args)

            return change

    for _ in range(total):
        try:
            # Every attempt gets one change further than the one before it.
            dying = Store(store.files.place)
            dying.files = Dying(1)  # type: ignore[assignment]
            prune.prune(job_of(dying), ages)
        except KeyboardInterrupt:
            update_ledger(job_of(store))
            assert int(store.read_ledger(FIRST, ages.today)["spend_micros"].sum()) == spend
            assert check(store.files).problems == ()
        else:
            break
    assert snapshots_per_day(store) == {2: 3, 3: 6}


@pytest.mark.parametrize(("thin", "drop"), [(0, 5), (5, 4)])
def test_invalid_ages_are_refused(thin: int, drop: int) -> None:
    with pytest.raises(SettingsError, match="drop no sooner than thin"):
        prune.Ages(today=FIRST, thin_after_days=thin, drop_after_days=drop)


@pytest.mark.parametrize(
    ("thin", "drop", "ages"),
    [
        (None, None, (90, 400)),
        (500, None, (500, MOST_DAYS)),  # nothing is dropped
        (None, 1, (1, 1)),  # nothing is thinned before it is dropped
        (3, 5, (3, 5)),
    ],
)
def test_one_age_alone_is_the_only_one_that_holds(
    store: Store, thin: int | None, drop: int | None, ages: tuple[int, int]
) -> None:
    made = prune.ages_of(job_of(store), thin, drop)
    assert (made.thin_after_days, made.drop_after_days) == ages


@pytest.mark.parametrize("policy", [Retention(thin_after_days=500), Retention(drop_after_days=3)])
def test_a_policy_of_one_age_prunes_as_the_command_with_that_age(
    watched: Store, policy: Retention
) -> None:
    job = job_of(watched)
    job.settings = override(Settings(), None, retention=policy)
    ages = prune.ages_of(job, policy.thin_after_days, policy.drop_after_days)
    planned = prune.plan(job, ages)
    done = prune.apply_retention(job)
    assert done is not None
    assert done.removed == planned.remove


def test_ages_count_from_the_newest_snapshot_if_the_clock_is_ahead(watched: Store) -> None:
    assert prune.ages_of(job_of(watched), None, None).today == AGES.today


def test_the_help_and_the_documents_have_the_default_ages() -> None:
    for text in (command.help, Path("docs/operations.md").read_text(encoding="utf-8")):
        assert f"after {prune.THIN_AFTER_DAYS} days" in (text or "")
        assert f"after {prune.DROP_AFTER_DAYS}" in (text or "")
