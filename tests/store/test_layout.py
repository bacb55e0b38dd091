from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StorageError
from pipeline.model import State
from pipeline.store import layout

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)
DIGESTS = st.from_regex(r"[0-9a-f]{4,64}", fullmatch=True)
MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)


def test_a_snapshots_path_has_its_account_and_utc_day() -> None:
    moment = datetime(2026, 10, 20, 1, 30, 5, 999_999, timezone(timedelta(hours=2)))
    assert layout.snapshot("default", moment, State.DRIFTED).key == (
        "snapshots/account=default/date=2026-10-19/20261019T233005Z-drifted.parquet"
    )


@given(NAMES, MOMENTS, st.sampled_from(State))
def test_a_snapshots_path_gives_its_reference(account: str, moment: datetime, state: State) -> None:
    ref = layout.snapshot(account, moment, state)
    assert layout.parse_snapshot(ref.key) == ref


@given(NAMES, st.dates(), DIGESTS)
def test_a_ledger_days_path_gives_its_reference(account: str, day: date, digest: str) -> None:
    for make, parse, others in (
        (layout.ledger, layout.parse_ledger, layout.parse_final),
        (layout.final, layout.parse_final, layout.parse_ledger),
    ):
        ref = make(account, day, digest)
        assert parse(ref.key) == ref
        assert others(ref.key) is None


@given(NAMES, NAMES, NAMES)
def test_a_scoped_reports_files_are_of_no_days_report(account: str, name: str, file: str) -> None:
    for folder in (layout.scoped_report(name), layout.scoped_report(name, account)):
        assert layout.parse_scoped_report(f"{folder}/{file}") == (folder, file)
        assert layout.parse_report(f"{folder}/{file}") is None
    assert layout.parse_scoped_report("reports/2026-05-14/report.html") is None


@given(st.text(max_size=90))
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    for make in (
        lambda: layout.snapshot(name, datetime(2026, 1, 1, tzinfo=UTC), State.COMPLETE).key,
        lambda: layout.ledger(name, date(2026, 1, 1), "abcd").key,
        lambda: layout.ledger("default", date(2026, 1, 1), name).key,
        lambda: layout.state(name),
        lambda: layout.scoped_report("2026-05", name or "-"),
        lambda: layout.lock(name),
        lambda: layout.run(name, datetime(2026, 1, 1, tzinfo=UTC), 0),
    ):
        try:
            key = make()
        except StorageError:
            continue
        parts = PurePosixPath(key).parts
        assert ".." not in parts
        assert not key.startswith("/")
        assert all(part.isprintable() for part in parts)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\n", "ä", "a" * 65]
)
def test_a_name_that_is_no_file_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(StorageError) as caught:
        layout.state(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "snapshots/account=default/date=2026-10-20/20261020T120000Z-perfect.parquet",
        "snapshots/account=default/date=2026-10-21/20261020T120000Z-complete.parquet",
        "snapshots/account=default/date=2026-10-20/20261320T120000Z-complete.parquet",
        "snapshots/account=../date=2026-10-20/20261020T120000Z-complete.parquet",
        "snapshots/account=default/date=2026-10-20/.tmp-0123",
    ],
)
def test_other_files_are_not_taken_for_snapshots(key: str) -> None:
    assert layout.parse_snapshot(key) is None
    assert layout.parse_ledger(key) is None
