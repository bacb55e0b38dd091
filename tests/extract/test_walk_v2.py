"""v2's flat array, and lists without a count: what each kind of server proves by its page 2."""

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
    """Stands where the client stands, and lists ``many`` clusters as ``server`` does."""

    def __init__(self, server: Server, many: int, *, version: str = "v2") -> None:
        self.server, self.version = server, version
        self.ids = [f"c{number:04d}" for number in range(many)]
        self.requests = 0
        self.now = 9 * 86_400

    def get(self, query: Query, decode: Callable[[bytes], Page]) -> Fetched:
        self.requests += 1
        assert self.requests < 3_000, "a walk without an end"
        records = [record(one) for one in self.server(self.ids, query)]
        body: Any = records if self.version == "v2" else {"data": {"clusters": records}}
        return Fetched(decode(json.dumps(body).encode()), EPOCH + timedelta(seconds=self.now))


def record(identity: str | None) -> dict[str, Any]:
    return {"id": identity, "name": "n", "createdAt": "2026-01-01T00:00:00Z"}


def whole(ids: list[str], _: Query) -> list[str]:
    return ids


def first(size: int) -> Server:
    return lambda ids, _: ids[:size]


def pages(size: int) -> Server:
    """Knows pages, of its own size."""
    return lambda ids, query: ids[(int(query.get("page", 1)) - 1) * size :][:size]


def pages_and_limits(size: int) -> Server:
    def server(ids: list[str], query: Query) -> list[str]:
        return pages(int(query.get("limit", size)))(ids, query)

    return server


def limits(size: int) -> Server:
    """Knows limits, but no pages."""
    return lambda ids, query: ids[: int(query.get("limit", size))]


def whole_unless_asked(ids: list[str], query: Query) -> list[str]:
    return pages_and_limits(100)(ids, query) if query else ids


def last_page_for_ever(ids: list[str], query: Query) -> list[str]:
    number = min(int(query.get("page", 1)), -(-len(ids) // 30))
    return pages(30)(ids, {"page": number})


def strict(ids: list[str], query: Query) -> list[str]:
    if query:
        raise RefusedError("INVALID_PARAMETERS", status=400)
    return ids


def makes_them_up(_: list[str], __: Query) -> list[str]:
    return [f"c{random.random()}" for _ in range(30)]  # noqa: S311 - a game of chance


def nameless(_: list[str], __: Query) -> list[Any]:
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
        (whole, 0, 4),
        (whole, 3, 2),
        (whole, 130, 2),
        (strict, 3, 3),
        (pages(50), 50, 4),
        (pages(50), 130, 13),
        (pages(7), 130, 43),
        (pages_and_limits(20), 20, 4),
        (pages_and_limits(30), 60, 30),
        (pages_and_limits(50), 130, 9),
        (limits(30), 60, 30),
        (whole_unless_asked, 90, 4),
        (whole_unless_asked, 130, 30),
        (last_page_for_ever, 130, 18),
    ],
)
def test_v2_finds_all_and_proves_it_by_page_2(
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
def test_v2_is_never_complete_where_more_could_be_hidden(server: Server, many: int) -> None:
    state, proof, _ = take(Serving(server, many), version="v2")
    assert state is State.UNPROVEN
    assert "there may be more" in proof


@pytest.mark.parametrize(
    ("server", "state"), [(first(20), State.UNPROVEN), (pages_and_limits(20), State.COMPLETE)]
)
def test_v1_without_a_count_is_complete_only_if_its_pages_end(server: Server, state: State) -> None:
    api = Serving(server, 130, version="v1")
    found, proof, ids = take(api, version="v1")
    assert found is state, proof
    assert (ids == set(api.ids)) == (state is State.COMPLETE)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("server", [makes_them_up, nameless])
def test_a_walk_that_makes_no_progress_stops(server: Server, version: str) -> None:
    api = Serving(server, 0, version=version)
    state, _, _ = take(api, version=version)
    assert state is not State.COMPLETE
    assert api.requests < 50


def test_a_server_that_makes_clusters_up_for_every_bound_is_left(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    api = fake_api(1)

    def answer(query: Query) -> dict[str, Any]:
        """A full page below any bound, in order, whatever was listed before."""
        bound = str(query.get("created_before", "2026-01-01T00:00:00Z"))
        newest = int(datetime.fromisoformat(bound).timestamp()) - 1
        times = [datetime.fromtimestamp(newest - back, UTC) for back in range(100)]
        clusters = [{"id": f"c{api.requests}-{at}", "created_at": iso(at)} for at in times]
        return {"data": {"clusters": clusters, "pagination": {"total_count": 89}}}

    api.answer = answer
    walk = new_walk(api)
    verdict = _walk_v1(walk, "default", API)
    assert verdict.state is not State.COMPLETE
    assert api.requests < 400
