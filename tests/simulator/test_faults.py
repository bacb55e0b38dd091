"""Every fault does to a plain client what its name says, and nothing lasts longer than it must."""

from __future__ import annotations

import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
import requests

from pipeline.simulator import bad_responses, failed_responses
from pipeline.simulator.faults import Fault, Faults
from pipeline.simulator.query_results import Quirks

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from pipeline.simulator.fleet import Fleet
    from tests.simulator.conftest import Api

    Misbehaving = Callable[..., AbstractContextManager[Api]]


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_an_injected_status_does_not_affect_the_second_request(
    misbehaving: Misbehaving, code: int
) -> None:
    with misbehaving(failed_responses.status(code, retry_after=7)) as api:
        response = api.get()
        assert response.status_code == code
        assert response.headers["Retry-After"] == "7"
        assert response.json()["code"] == code
        assert api.get().ok


def test_a_retry_after_can_be_a_date_by_the_servers_clock(
    start: datetime, misbehaving: Misbehaving
) -> None:
    with misbehaving(failed_responses.status(503, retry_after=90, as_date=True, plain=True)) as api:
        response = api.get()
        at = parsedate_to_datetime(response.headers["Retry-After"])
        assert at == start + timedelta(seconds=90)
        assert response.text == "upstream error"


def test_a_successful_response_can_have_a_retry_after(misbehaving: Misbehaving) -> None:
    with misbehaving(failed_responses.retry_after_on_success()) as api:
        response = api.get()
        assert response.headers["Retry-After"] == "60"
        assert response.json()["success"]


def test_a_dropped_connection_ends_inside_the_body(misbehaving: Misbehaving) -> None:
    with misbehaving(failed_responses.dropped()) as api:
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            api.get()
        assert api.get().ok


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (failed_responses.truncated(), None),
        (failed_responses.html(), None),
        (failed_responses.other_body(b""), None),
        (failed_responses.other_body(b"null"), None),
        (failed_responses.unsuccessful("RATE_LIMIT_EXCEEDED"), {"code": "RATE_LIMIT_EXCEEDED"}),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_a_useless_response_has_status_200(
    misbehaving: Misbehaving, fault: Fault, body: dict[str, str] | None
) -> None:
    with misbehaving(fault) as api:
        response = api.get()
        assert response.status_code == 200
        if body is None:
            assert b'"pagination"' not in response.content
        else:
            answer = response.json()
            assert answer["success"] is False
            assert answer["error"]["code"] == body["code"]
        assert api.get().json()["success"]


def test_a_hanging_response_exceeds_a_timeout_and_does_not_block_the_server(
    misbehaving: Misbehaving,
) -> None:
    began = time.monotonic()
    with misbehaving(failed_responses.hang(60)) as api:
        with pytest.raises(requests.exceptions.ReadTimeout):
            api.session.get(f"{api.url}/v1/clusters", timeout=0.2)
        assert api.get().ok
    assert time.monotonic() - began < 10


def test_a_dripping_response_is_slow_without_a_read_timeout(misbehaving: Misbehaving) -> None:
    with misbehaving(failed_responses.drip(0.01, 1000)) as api:
        response = api.session.get(f"{api.url}/v1/clusters", timeout=1)
        assert len(response.content) > 10_000
        assert response.json()["success"]
        assert response.elapsed.total_seconds() < 5


@pytest.mark.parametrize(
    "fault",
    [failed_responses.huge(64), failed_responses.gzip_bomb(64)],
    ids=lambda fault: fault.name,
)
def test_a_client_can_leave_an_endless_body(misbehaving: Misbehaving, fault: Fault) -> None:
    with misbehaving(fault) as api:
        read = 0
        with api.session.get(f"{api.url}/v1/clusters", stream=True, timeout=10) as response:
            for chunk in response.iter_content(2**20):
                read += len(chunk)
                if read > 8 * 2**20:
                    break
        assert read > 8 * 2**20
        assert api.get().ok


def test_a_gzip_bomb_is_small_before_decompression(misbehaving: Misbehaving) -> None:
    with (
        misbehaving(failed_responses.gzip_bomb(64)) as api,
        api.session.get(f"{api.url}/v1/clusters", stream=True, timeout=10) as response,
    ):
        assert int(response.headers["Content-Length"]) < 100_000
        assert len(response.content) == 64 * 2**20


def test_a_redirect_points_to_another_host(misbehaving: Misbehaving) -> None:
    with misbehaving(failed_responses.redirect("http://127.0.0.1:9/steal")) as api:
        response = api.session.get(f"{api.url}/v1/clusters", allow_redirects=False, timeout=10)
        assert response.status_code == 302
        assert response.headers["Location"] == "http://127.0.0.1:9/steal"


def test_an_empty_or_short_page_still_counts_all_clusters(misbehaving: Misbehaving) -> None:
    faults = Faults(script={1: bad_responses.empty(), 2: bad_responses.short(3)})
    with misbehaving(faults=faults) as api:
        empty, fewer = api.list(), api.list()
        assert empty["clusters"] == []
        assert len(fewer["clusters"]) == 17
        assert empty["pagination"] == fewer["pagination"] == api.list()["pagination"]


def test_a_repeated_page_shows_the_previous_one(misbehaving: Misbehaving) -> None:
    with misbehaving(faults=Faults(script={2: bad_responses.repeated()})) as api:
        first, repeated, second = (api.list(page=page) for page in (1, 2, 2))
        assert repeated["clusters"] == first["clusters"] != second["clusters"]
        assert repeated["pagination"]["current_page"] == 2


def test_a_stale_page_shows_the_past_under_the_present_date(misbehaving: Misbehaving) -> None:
    with misbehaving(faults=Faults(script={1: bad_responses.stale(7200)})) as api:
        old, new = (
            {
                cluster["id"]: cluster["cost"]["total_cost"]
                for cluster in api.list(limit=100)["clusters"]
            }
            for _ in range(2)
        )
        both = set(old) & set(new)
        assert sum(new[cluster_id] > old[cluster_id] for cluster_id in both) > 20


def test_pagination_can_be_wrong(fleet: Fleet, start: datetime, misbehaving: Misbehaving) -> None:
    script = {
        1: bad_responses.always_has_next(),
        2: bad_responses.never_has_next(),
        3: bad_responses.miscounted(+50),
        4: bad_responses.miscounted(-5),
    }
    with misbehaving(faults=Faults(script=script)) as api:
        assert api.list(page=99)["pagination"]["has_next"]
        assert not api.list(page=1)["pagination"]["has_next"]
        total = len(fleet.at(start))
        assert api.list(limit=10)["pagination"]["total_count"] == total + 50
        assert api.list(limit=10)["pagination"]["total_pages"] == -(-(total - 5) // 10)


@pytest.mark.parametrize(
    ("quirks", "is_listed"),
    [
        (Quirks(), False),
        (Quirks(before_inclusive=True), True),
        (Quirks(before_ignored=True), True),
    ],
)
def test_created_before_can_include_its_bound_or_have_no_effect(
    fleet: Fleet,
    start: datetime,
    misbehaving: Misbehaving,
    quirks: Quirks,
    is_listed: bool,  # noqa: FBT001
) -> None:
    with misbehaving(faults=Faults(quirks=quirks)) as api:
        frame = fleet.at(start).sort_values("created_at")
        bound = frame.created_at.iloc[5].strftime("%Y-%m-%dT%H:%M:%SZ")
        listed = api.ids(created_before=bound)
        assert (frame.cluster_id.iloc[5] in listed) == is_listed
        assert (len(listed) == len(frame)) == quirks.before_ignored


def test_the_order_and_the_limit_can_be_ignored(
    fleet: Fleet, start: datetime, misbehaving: Misbehaving
) -> None:
    with misbehaving(faults=Faults(quirks=Quirks(order_ignored=True, limit_cap=15))) as api:
        data = api.list(limit=100, sort_by="created_at", sort_order="asc")
        names = [cluster["name"] for cluster in data["clusters"]]
        assert names == sorted(names)
        assert len(names) == data["pagination"]["per_page"] == 15
        assert len(set(api.ids())) == len(fleet.at(start))


def test_ties_can_come_in_another_order_on_every_request(misbehaving: Misbehaving) -> None:
    with misbehaving(faults=Faults(unstable_ties=True)) as api:
        first, second = (api.list(limit=100, sort_by="status") for _ in range(2))
        statuses = [[c["status"] for c in data["clusters"]] for data in (first, second)]
        assert statuses[0] == statuses[1] == sorted(statuses[0], reverse=True)
        assert first["clusters"] != second["clusters"]


def test_random_faults_depend_on_the_seed_and_are_limited_in_a_row(
    misbehaving: Misbehaving,
) -> None:
    def play(seed: int) -> list[tuple[int, str]]:
        faults = Faults(chance=0.9, choices=bad_responses.BAD_RESPONSES, max_in_a_row=2, seed=seed)
        with misbehaving(faults=faults) as api:
            for _ in range(30):
                api.get()
        return faults.log

    log = play(1)
    assert log == play(1) != play(2)
    hit = {number for number, _ in log}
    assert 12 <= len(hit) <= 20
    assert not any({n, n + 1, n + 2} <= hit for n in range(1, 31))


def test_refused_requests_get_no_fault(misbehaving: Misbehaving) -> None:
    faults = Faults(script={1: failed_responses.status(500)})
    with misbehaving(faults=faults) as api:
        assert api.get(limit=0).status_code == 400
        assert requests.get(f"{api.url}/v1/clusters", timeout=10).status_code == 401
        assert api.get().status_code == 500
    assert faults.log == [(1, "status 500")]


def test_faults_also_affect_version_2(
    fleet: Fleet, start: datetime, misbehaving: Misbehaving
) -> None:
    faults = Faults(
        script={
            1: bad_responses.short(4),
            2: failed_responses.html(),
            3: bad_responses.damaged(["record null"], every=2),
        }
    )
    with misbehaving(faults=faults) as api:
        size = len(fleet.at(start))
        assert len(api.get("/v2/clusters").json()) == size - 4
        assert api.get("/v2/clusters").headers["Content-Type"].startswith("text/html")
        assert None in api.get("/v2/clusters").json()
        assert len(api.get("/v2/clusters").json()) == size


def test_every_transient_failure_differs_from_a_good_response(misbehaving: Misbehaving) -> None:
    faults = Faults(script=dict(enumerate(failed_responses.TRANSIENT, start=1)))
    with misbehaving(faults=faults) as api:
        for fault in failed_responses.TRANSIENT:
            try:
                response = api.get()
                good = response.ok and msgspec.json.decode(response.content)["success"]
            except (requests.RequestException, msgspec.DecodeError, KeyError, TypeError):
                good = False
            assert not good, fault.name
        assert api.list()["clusters"]
    assert len(faults.log) == len(failed_responses.TRANSIENT)
