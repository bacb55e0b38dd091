"""The flat array of v2, and lists without a count: what page 2 of each kind of server proves."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.extract import ApiTarget, _check_quarantine, _walk_v1
from pipeline.extract.api_errors import RefusedError
from pipeline.extract.client import Fetched
from pipeline.extract.walk import iso
from pipeline.extract.walk_v2 import walk_v2
from pipeline.keys import Secret
from pipeline.model import State
from tests.extract.conftest import EPOCH, make_walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.extract.api_types import Page
    from pipeline.extract.walk import Query

    Server = Callable[[list[str], Query], list[str]]

API = ApiTarget("http://127.0.0.1", "v1", "bearer", Secret("k"))


class Serving:
    """Takes the place of the client, and lists ``many`` clusters as ``server`` does."""

    def __init__(self, server: Server, many: int, *, version: str = "v2") -> None:
        self.server, self.version = server, version
        self.ids = [f"c{number:04d}" for number in range(many)]
        self.requests = 0
        self.now = 9 * 86_400
        """Seconds after EPOCH, by the server's clock and the local one."""

    def get(self, query: Query, decode: Callable[[bytes], Page]) -> Fetched:
        self.requests += 1
        assert self.requests < 3_000, "a walk without an end"
        records = [record(cluster_id) for cluster_id in self.server(self.ids, query)]
        body: Any = records if self.version == "v2" else {"data": {"clusters": records}}
        return Fetched(decode(json.dumps(body).encode()), EPOCH + timedelta(seconds=self.now))


def record(identity: str | None) -> dict[str, Any]:
    return {"id": identity, "name": "n", "createdAt": "2026-01-01T00:00:00Z"}


def all_at_once(ids: list[str], _: Query) -> list[str]:
    return ids


def first(size: int) -> Server:
    return lambda ids, _: ids[:size]


def pages(size: int) -> Server:
    """Has pages of its own size."""
    return lambda ids, query: ids[(int(query.get("page", 1)) - 1) * size :][:size]


def pages_and_limits(size: int) -> Server:
    def server(ids: list[str], query: Query) -> list[str]:
        return pages(int(query.get("limit", size)))(ids, query)

    return server


def limits(size: int) -> Server:
    """Has limits, but no pages."""
    return lambda ids, query: ids[: int(query.get("limit", size))]


def all_unless_paged(ids: list[str], query: Query) -> list[str]:
    return pages_and_limits(100)(ids, query) if query else ids


def repeats_last_page(ids: list[str], query: Query) -> list[str]:
    number = min(int(query.get("page", 1)), -(-len(ids) // 30))
    return pages(30)(ids, {"page": number})


def strict(ids: list[str], query: Query) -> list[str]:
    if query:
        raise RefusedError("INVALID_PARAMETERS", status=400)
    return ids


def invents_clusters(_: list[str], __: Query) -> list[str]:
    return [f"c{random.random()}" for _ in range(30)]  # noqa: S311 - a game of chance


def without_ids(_: list[str], __: Query) -> list[Any]:
    return [None] * 30


def take(api: Serving, *, version: str) -> tuple[State, str, set[str]]:
    walk = make_walk(api)  # type: ignore[arg-type]
    walk.version = version
    verdict = walk_v2(walk) if version == "v2" else _walk_v1(walk, "default", API)
    verdict = _check_quarantine(walk, verdict, walk.settings)
    ids = set(walk.record_set.table().column("cluster_id").to_pylist())
    return verdict.state, verdict.proof, ids


@pytest.mark.parametrize(
    ("server", "many", "most_requests"),
    [
        (all_at_once, 0, 4),
        (all_at_once, 3, 2),
        (all_at_once, 130, 2),
        (strict, 3, 3),
        (pages(50), 50, 4),
        (pages(50), 130, 13),
        (pages(7), 130, 43),
        (pages_and_limits(20), 20, 4),
        (pages_and_limits(30), 60, 30),
        (pages_and_limits(50), 130, 9),
        (limits(30), 60, 30),
        (all_unless_paged, 90, 4),
        (all_unless_paged, 130, 30),
        (repeats_last_page, 130, 18),
    ],
)
def test_v2_finds_all_clusters_and_proves_it_by_page_2(
    server: Server, many: int, most_requests: int
) -> None:
    api = Serving(server, many)
    state, proof, ids = take(api, version="v2")
    assert (state, ids) == (State.COMPLETE, set(api.ids)), proof
    assert api.requests <= most_requests


@pytest.mark.parametrize(
    ("server", "many"),
    [(first(20), 130), (first(50), 130), (limits(20), 130), (limits(150), 200), (strict, 50)],
)
def test_v2_is_not_complete_if_clusters_may_be_hidden(server: Server, many: int) -> None:
    state, proof, _ = take(Serving(server, many), version="v2")
    assert state is State.UNPROVEN
    assert "there may be more" in proof


@pytest.mark.parametrize(
    ("server", "state"), [(first(20), State.UNPROVEN), (pages_and_limits(20), State.COMPLETE)]
)
def test_v1_without_a_count_is_complete_only_if_its_pages_end(server: Server, state: State) -> None:
    api = Serving(server, 130, version="v1")
    actual, proof, ids = take(api, version="v1")
    assert actual is state, proof
    assert (ids == set(api.ids)) == (state is State.COMPLETE)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("server", [invents_clusters, without_ids])
def test_a_walk_that_makes_no_progress_stops(server: Server, version: str) -> None:
    api = Serving(server, 0, version=version)
    state, _, _ = take(api, version=version)
    assert state is not State.COMPLETE
    assert api.requests < 50


def test_a_walk_stops_if_the_server_invents_clusters_for_every_bound(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    api = fake_api(1)

    def response(query: Query) -> dict[str, Any]:
        """A full, sorted page below any bound, whatever was listed before."""
        bound = str(query.get("created_before", "2026-01-01T00:00:00Z"))
        newest = int(datetime.fromisoformat(bound).timestamp()) - 1
        times = [datetime.fromtimestamp(newest - back, UTC) for back in range(100)]
        clusters = [{"id": f"c{api.requests}-{at}", "created_at": iso(at)} for at in times]
        return {"data": {"clusters": clusters, "pagination": {"total_count": 89}}}

    api.response = response
    walk = new_walk(api)
    verdict = _walk_v1(walk, "default", API)
    assert verdict.state is not State.COMPLETE
    assert api.requests < 400
