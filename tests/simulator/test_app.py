"""Keys, rate limits and the headers of every response."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
import requests

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.limits import RateLimit
from pipeline.simulator.server import serve

if TYPE_CHECKING:
    from pipeline.simulator.fleet import Fleet
    from tests.simulator.conftest import Api

KEY = {"Authorization": "Bearer demo-key"}


@pytest.mark.parametrize("header", ["Bearer demo-key", "bearer demo-key", "demo-key"])
def test_a_key_is_accepted_with_and_without_bearer(api: Api, header: str) -> None:
    assert requests.get(f"{api.url}/v1/clusters", headers={"Authorization": header}, timeout=10).ok


@pytest.mark.parametrize("header", [None, "", "Bearer no", "Bearer", "Basic demo-key"])
@pytest.mark.parametrize("path", ["/v1/clusters", "/v2/clusters"])
def test_without_a_valid_key_the_response_is_a_flat_401(
    api: Api, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = requests.get(api.url + path, headers=headers, timeout=10)
    assert response.status_code == 401
    assert response.json() == {
        "error": "UNAUTHORIZED",
        "message": "Invalid or missing API key",
        "code": 401,
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("GET", "/v1/cluster", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/v1/clusters/", 404, "RESOURCE_NOT_FOUND"),
        ("POST", "/v1/clusters", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_other_paths_and_methods_get_the_usual_error_envelope(
    api: Api, method: str, path: str, status: int, word: str
) -> None:
    response = requests.request(method, api.url + path, headers=KEY, timeout=10)
    assert response.status_code == status
    body = response.json()
    assert (body.pop("error"), body.pop("code")) == (word, status)
    assert list(body) == ["message"]
    if status == 405:
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_head_is_like_get_without_the_body(api: Api) -> None:
    get, head = (
        requests.request(method, f"{api.url}/v2/clusters", headers=KEY, timeout=10)
        for method in ("GET", "HEAD")
    )
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize("path", ["/v1/clusters", "/v2/clusters", "/v1/clusters?limit=0", "/none"])
def test_every_response_has_the_simulated_date_and_the_rate_limit(api: Api, path: str) -> None:
    for headers in ({}, KEY):
        response = requests.get(api.url + path, headers=headers, timeout=10)
        assert parsedate_to_datetime(response.headers["Date"]) == api.clock.now()
        assert response.headers["X-RateLimit-Window"] == "3600"
        for name in ("Limit", "Remaining", "Reset"):
            assert int(response.headers[f"X-RateLimit-{name}"]) > 0


def test_requests_beyond_the_limit_get_429_until_the_next_window(
    fleet: Fleet, start: datetime
) -> None:
    clock = Clock(start + timedelta(minutes=59, seconds=30))
    with serve(make_app(fleet, clock, rate_limit=2)) as url:
        ask = f"{url}/v1/clusters"
        remaining = [
            requests.get(ask, headers=KEY, timeout=10).headers["X-RateLimit-Remaining"]
            for _ in range(2)
        ]
        assert remaining == ["1", "0"]
        refused = requests.get(ask, headers=KEY, timeout=10)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "30"
        assert refused.headers["X-RateLimit-Reset"] == str(int(start.timestamp()) + 3600)
        assert refused.json() == {
            "error": "RATE_LIMIT_EXCEEDED",
            "message": "Rate limit of 2 requests exceeded",
            "code": 429,
            "details": {
                "limit": 2,
                "remaining": 0,
                "reset_at": "2026-03-02T01:00:00Z",
                "retry_after": 30,
            },
        }
        clock.advance(30)
        assert requests.get(ask, headers=KEY, timeout=10).headers["X-RateLimit-Remaining"] == "1"


def test_a_rejected_key_does_not_count_as_a_request(fleet: Fleet, start: datetime) -> None:
    with serve(make_app(fleet, Clock(start), rate_limit=1)) as url:
        assert requests.get(f"{url}/v1/clusters", timeout=10).status_code == 401
        assert requests.get(f"{url}/v1/clusters", headers=KEY, timeout=10).status_code == 200


def test_a_window_of_real_time_does_not_follow_the_simulated_clock() -> None:
    limit = RateLimit(1, 3600, "real")
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert not limit.use(now).is_exceeded
    later = limit.use(now + timedelta(days=1))
    assert later.is_exceeded
    assert 3590 <= later.retry_after <= 3600
    assert later.reset == int((now + timedelta(days=1)).timestamp()) + later.retry_after


def test_version_2_can_silently_list_only_20_clusters(fleet: Fleet, start: datetime) -> None:
    with serve(make_app(fleet, Clock(start), v2_pages=True, keys=("other",))) as url:
        response = requests.get(
            f"{url}/v2/clusters", headers={"Authorization": "other"}, timeout=10
        )
    assert len(response.json()) == 20
