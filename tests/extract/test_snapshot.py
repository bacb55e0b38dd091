"""Complete snapshots, taken over HTTP from the simulated API."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline import schema
from pipeline.errors import ApiError, Exit, KeyRefusedError
from pipeline.extract import ApiTarget, ResumePoint, Timing, WalkInterruptedError, take_snapshot
from pipeline.keys import Secret
from pipeline.model import State
from pipeline.progress import WalkProgress
from pipeline.settings import Extract
from pipeline.simulator.app import make_app
from pipeline.simulator.bad_responses import damaged
from pipeline.simulator.clock import Clock
from pipeline.simulator.faults import Faults
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve

if TYPE_CHECKING:
    from types import ModuleType

    from pipeline.model import Certificate, Snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=20, hours=3)
MATRIX = Path(__file__).parents[2] / "benchmarks" / "faults.py"


def load_matrix() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fault_matrix", MATRIX)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fault_matrix"] = module
    spec.loader.exec_module(module)
    return module


matrix = load_matrix()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, clusters=450, start=START, days=30)


def snap(
    fleet: Fleet,
    *,
    version: str = "v1",
    previous: Certificate | None = None,
    key: str = "demo-key",
    clock: Clock | None = None,
    resume: ResumePoint | None = None,
    **kwargs: object,
) -> Snapshot:
    app = {
        name: kwargs.pop(name) for name in ("faults", "rate_limit", "v2_pages") if name in kwargs
    }
    clock = clock or Clock(NOW)
    with serve(make_app(fleet, clock, **app)) as url:
        return take_snapshot(
            "default",
            ApiTarget(kwargs.pop("base_url", url), version, "bearer", Secret(key)),
            Extract(**kwargs),
            previous=previous,
            local_now=lambda: NOW + timedelta(seconds=90),
            timing=Timing(sleep=clock.advance),
            resume=resume,
        )


def test_a_snapshot_equals_the_fleet_to_the_micro(fleet: Fleet) -> None:
    snapshot = snap(fleet)
    truth = fleet.at(NOW).sort_values("cluster_id").reset_index(drop=True)
    frame = schema.SNAPSHOT.to_pandas(snapshot.table)
    for column in ("cluster_id", "hourly_rate_micros", "total_cost_micros", "gpu_count", "status"):
        assert frame[column].tolist() == truth[column].tolist(), column
    assert frame["created_at"].tolist() == truth["created_at"].tolist()
    assert snapshot.table.schema == schema.SNAPSHOT.stored


def test_the_certificate_has_the_times_and_counts_of_the_walk(fleet: Fleet) -> None:
    certificate = snap(fleet).certificate
    assert certificate.state is State.COMPLETE
    assert certificate.started_at == certificate.finished_at == NOW
    assert certificate.clock_skew_seconds == 90
    assert certificate.unique_ids == certificate.total_count == len(fleet.at(NOW))
    assert certificate.requests <= -(-certificate.unique_ids // 100) + 3
    assert certificate.pages == certificate.requests
    assert len(certificate.request_ids) == certificate.pages
    assert certificate.warnings == ("the local clock differs from the server's by 90 s",)


def test_the_local_clock_is_used_if_the_settings_say_so() -> None:
    fleet = Fleet(seed=1, clusters=5, start=START, days=30)
    with serve(make_app(fleet, Clock(NOW))) as url:
        snapshot = take_snapshot(
            "default",
            ApiTarget(url, "v1", "bearer", Secret("demo-key")),
            Extract(clock="local"),
            local_now=lambda: START,
        )
    assert snapshot.certificate.started_at == START


def test_snapshots_of_the_same_fleet_are_equal_for_any_page_size(
    fleet: Fleet,
) -> None:
    table = snap(fleet).table
    assert table.equals(snap(fleet, page_size=7).table)
    assert table.equals(snap(fleet, page_size=20).table)


def test_an_empty_fleet_is_complete() -> None:
    certificate = snap(Fleet(seed=1, clusters=0, start=START, days=30)).certificate
    assert (certificate.state, certificate.unique_ids) == (State.COMPLETE, 0)


def test_v2_is_complete_when_two_reads_agree(fleet: Fleet) -> None:
    snapshot = snap(fleet, version="v2")
    assert snapshot.certificate.state is State.COMPLETE
    assert snapshot.certificate.requests == 2
    assert snapshot.certificate.total_count is None
    assert snapshot.table.column("total_cost_micros").null_count == snapshot.table.num_rows
    assert "v2 has no cost, utilization, project or region" in snapshot.certificate.warnings


def test_a_v2_array_of_a_common_page_size_is_unproven(fleet: Fleet) -> None:
    certificate = snap(fleet, version="v2", v2_pages=True).certificate
    assert certificate.state is State.UNPROVEN
    assert certificate.proof.startswith("exactly 20 clusters, a common page size")


def test_a_fleet_that_nearly_vanished_is_read_twice_and_suspect(fleet: Fleet) -> None:
    before = msgspec.structs.replace(snap(fleet).certificate, unique_ids=100_000)
    certificate = snap(fleet, previous=before).certificate
    assert certificate.state is State.SUSPECT
    assert "while the previous snapshot had 100000, confirmed by a second walk" in certificate.proof
    # A later snapshot that agrees with the suspect one is complete again.
    assert snap(fleet, previous=certificate).certificate.state is State.COMPLETE


def test_a_fleet_that_shrank_moderately_is_complete(fleet: Fleet) -> None:
    before = msgspec.structs.replace(snap(fleet).certificate, unique_ids=900)
    assert snap(fleet, previous=before).certificate.state is State.COMPLETE


def test_too_much_quarantine_makes_a_snapshot_suspect(fleet: Fleet) -> None:
    def faults(every: int) -> Faults:
        return Faults(always=[damaged(("id null",), every)])

    few = snap(fleet, faults=faults(300))
    assert few.certificate.state is State.COMPLETE
    assert 0 < len(few.quarantine) == few.certificate.quarantined
    assert few.quarantine[0].reason == "id is null"
    assert json.loads(few.quarantine[0].raw)["id"] is None
    many = snap(fleet, faults=faults(20))
    assert many.certificate.state is State.SUSPECT
    assert many.certificate.quarantined > 0.01 * many.certificate.unique_ids


def test_bad_fields_are_counted_in_the_certificate(fleet: Fleet) -> None:
    certificate = snap(fleet, faults=Faults(always=[damaged(("rate NaN",), 10)])).certificate
    assert certificate.state is State.COMPLETE
    assert certificate.bad_fields > 0


def test_a_wrong_key_is_refused_after_one_request(fleet: Fleet) -> None:
    faults = Faults()
    with pytest.raises(KeyRefusedError) as refused:
        snap(fleet, key="tpo_live_CANARY", faults=faults)
    assert refused.value.exit_code is Exit.KEY_REFUSED
    assert "CANARY" not in str(refused.value)


def test_a_walk_interrupted_by_the_rate_limit_is_completed_by_the_next_run(
    fleet: Fleet,
) -> None:
    clock = Clock(NOW)
    app = make_app(fleet, clock, rate_limit=6)
    settings = Extract(page_size=50, max_wait_seconds=60, reserve_requests=1)
    point: ResumePoint | None = None
    errors: list[WalkInterruptedError] = []
    with serve(app) as url:
        target = ApiTarget(url, "v1", "bearer", Secret("demo-key"))
        while True:
            try:
                snapshot = take_snapshot(
                    "default",
                    target,
                    settings,
                    local_now=clock.now,
                    timing=Timing(sleep=clock.advance),
                    resume=point,
                )
                break
            except WalkInterruptedError as interrupted:
                errors.append(interrupted)
                kept = msgspec.msgpack.encode(interrupted.resume)
                point = msgspec.msgpack.decode(kept, type=ResumePoint)
                clock.advance(3_700)
    assert {error.exit_code for error in errors} == {Exit.API_UNAVAILABLE}
    assert all("try again after 2026-01-2" in str(error) for error in errors)
    certificate = snapshot.certificate
    assert errors
    assert certificate.state is State.COMPLETE
    assert certificate.started_at == NOW
    assert certificate.finished_at > NOW + timedelta(hours=1)
    assert "a walk begun at 03:00:00Z was resumed" in certificate.warnings
    # Clusters of this fleet that exist at the beginning and now existed all the time.
    both = set(fleet.at(NOW)["cluster_id"]) & set(fleet.at(clock.now())["cluster_id"])
    assert both <= set(snapshot.table.column("cluster_id").to_pylist())


def test_without_a_server_there_is_no_snapshot(fleet: Fleet) -> None:
    with pytest.raises(ApiError, match="the connection failed"):
        snap(fleet, base_url="http://127.0.0.1:9", attempts=2)


def test_progress_is_reported_after_each_page(fleet: Fleet) -> None:
    pages: list[WalkProgress] = []
    with serve(make_app(fleet, Clock(NOW), rate_limit=1_000)) as url:
        take_snapshot(
            "default",
            ApiTarget(url, "v1", "bearer", Secret("demo-key")),
            Extract(),
            on_page=pages.append,
            local_now=lambda: NOW,
        )
    assert [page.clusters for page in pages[:2]] == [100, 200]
    assert pages[0] == WalkProgress(100, len(fleet.at(NOW)), 1, requests_left=999)


@pytest.mark.slow
@pytest.mark.parametrize("name", matrix.MATRIX)
def test_no_fault_of_the_matrix_makes_a_false_certificate(name: str) -> None:
    tally = matrix.run_row(matrix.MATRIX[name], 1)
    assert tally.runs == 1
    assert tally.false == 0
