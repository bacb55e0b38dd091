"""Which Date headers are trusted, and the time of a snapshot if one is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pipeline import schema
from pipeline.errors import ApiError
from pipeline.extract import ApiTarget, clock_warning, take_snapshot
from pipeline.extract.clocks import Clocks
from pipeline.extract.resume import apply_resume_point, make_resume_point
from pipeline.keys import Secret
from pipeline.model import Certificate, State
from pipeline.settings import Extract
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from tests.skewed import skewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.model import Snapshot

NOW = datetime(2026, 1, 20, 3, tzinfo=UTC)
FLEET = Fleet(seed=1, clusters=40, start=datetime(2026, 1, 1, tzinfo=UTC), days=30)
FAR = timedelta(days=40)
NEAR = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC) - NOW


def snap(off_by: Callable[[int], timedelta | None], **settings: object) -> Snapshot:
    """A snapshot of several pages; the local clock is at NOW."""
    with serve(skewed(make_app(FLEET, Clock(NOW)), off_by)) as url:
        return take_snapshot(
            "default",
            ApiTarget(url, "v1", "bearer", Secret("demo-key")),
            Extract(page_size=10, **settings),
            local_now=lambda: NOW,
        )


def times(snapshot: Snapshot) -> set[datetime]:
    certificate = snapshot.certificate
    rows = schema.SNAPSHOT.to_pandas(snapshot.table)["observed_at"].dt.to_pydatetime()
    return {*rows, certificate.started_at, certificate.finished_at}


@pytest.mark.parametrize("by", [FAR, -FAR, EPOCH], ids=["ahead", "behind", "1970"])
@pytest.mark.parametrize("which", [(1,), (1, 2, 3, 4, 5, 6, 7, 8, 9)], ids=["first", "all"])
def test_a_wrong_date_does_not_date_the_snapshot_but_is_in_the_certificate(
    by: timedelta, which: tuple[int, ...]
) -> None:
    snapshot = snap(lambda number: by if number in which else timedelta(0))
    certificate = snapshot.certificate
    assert times(snapshot) == {NOW}
    assert certificate.state is State.COMPLETE
    assert certificate.wrong_dates == min(len(which), certificate.pages)
    assert certificate.clock_skew_seconds == -by.total_seconds()


def test_a_wrong_date_in_the_middle_of_a_walk_dates_no_row() -> None:
    snapshot = snap(lambda number: FAR if number == 3 else NEAR)
    assert times(snapshot) == {NOW + NEAR, NOW}
    assert snapshot.certificate.wrong_dates == 1
    # The responses after it are not taken for cached ones.
    assert snapshot.certificate.state is State.COMPLETE
    assert snapshot.certificate.clock_skew_seconds == -FAR.total_seconds()


def test_a_response_with_an_earlier_date_is_requested_again() -> None:
    snapshot = snap(lambda number: EPOCH if number == 3 else NEAR)
    assert times(snapshot) == {NOW + NEAR}
    assert snapshot.certificate.wrong_dates == 0
    assert snapshot.certificate.requests == snapshot.certificate.pages + 1


def test_the_dates_of_responses_must_agree_with_each_other() -> None:
    clocks = Clocks(Extract(), lambda: NOW)
    behind, ahead = NOW - timedelta(minutes=20), NOW + timedelta(minutes=20)
    assert clocks.time_of(behind) == behind
    assert clocks.time_of(ahead) == NOW
    assert clocks.wrong == 1


def test_a_response_without_a_date_is_dated_locally_without_a_warning() -> None:
    snapshot = snap(lambda number: None if number == 2 else NEAR)
    assert times(snapshot) == {NOW + NEAR, NOW}
    assert (snapshot.certificate.wrong_dates, snapshot.certificate.state) == (0, State.COMPLETE)


def test_within_the_limit_the_servers_clock_counts() -> None:
    assert times(snap(lambda _: timedelta(minutes=29))) == {NOW + timedelta(minutes=29)}
    assert times(snap(lambda _: timedelta(minutes=31))) == {NOW}
    two_hours = timedelta(hours=2)
    assert times(snap(lambda _: two_hours, max_clock_skew_hours=3)) == {NOW + two_hours}


def test_a_simulated_clock_is_trusted_whatever_the_local_clock_shows() -> None:
    snapshot = snap(lambda _: -FAR, clock="simulated")
    assert times(snapshot) == {NOW - FAR}
    assert snapshot.certificate.wrong_dates == 0


def test_a_local_clock_that_jumps_during_the_walk_stores_nothing() -> None:
    instants = iter([NOW - timedelta(days=20_000)])
    clocks = Clocks(Extract(), lambda: next(instants, NOW))
    started_at = clocks.time_of(None)
    clocks.time_of(NOW)
    with pytest.raises(ApiError, match=r"the clock jumped from 1971-.* nothing was stored"):
        clocks.check_walk("https://api.example", started_at)


@pytest.mark.parametrize("off_by", [timedelta(days=400), -timedelta(hours=1)])
def test_an_unfinished_walk_of_another_clock_is_not_resumed(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], off_by: timedelta
) -> None:
    walk = new_walk(fake_api(1, 50), page_size=10)
    walk.add(*walk.fetch({"limit": 10}))
    point = make_resume_point(walk, "default", "https://api.example")
    assert point is not None
    later = new_walk(fake_api(1, 50))
    assert apply_resume_point(later, point, "default", "https://api.example")
    other = new_walk(fake_api(1, 50))
    now = other.local_now() + off_by
    other.local_now = lambda: now
    assert not apply_resume_point(other, point, "default", "https://api.example")


def test_the_warning_names_host_skew_and_remedy() -> None:
    certificate = snap(lambda number: FAR if number == 1 else timedelta(0)).certificate
    text = clock_warning(certificate, 0.5)
    assert text is not None
    for part in (certificate.base_url, "40 days ahead of", "max_clock_skew_hours (0.5)", "date -u"):
        assert part in text


def test_a_certificate_of_an_earlier_version_can_be_read() -> None:
    certificate = snap(lambda _: timedelta(0)).certificate
    stored = msgspec.json.decode(msgspec.json.encode(certificate))
    del stored["wrong_dates"]
    assert msgspec.convert(stored, Certificate) == certificate
