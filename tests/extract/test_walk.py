"""The walk against an API that changes between requests and has faults."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ApiError
from pipeline.extract import ApiTarget, _walk_v1
from pipeline.extract.resume import (
    ResumePoint,
    WalkInterruptedError,
    apply_resume_point,
    make_resume_point,
)
from pipeline.extract.same_second import split_window
from pipeline.keys import Secret
from pipeline.model import State
from tests.extract.conftest import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.extract.completeness import Verdict
    from pipeline.extract.walk import Walk

API = ApiTarget("http://127.0.0.1", "v1", "bearer", Secret("k"))
FAULTS = (
    "asc_ignored",
    "before_ignored",
    "before_inclusive",
    "before_is_a_date",
    "counts_absent",
    "counts_jitter",
    "counts_too_high",
    "counts_too_low",
    "counts_unfiltered",
    "empty_pages",
    "garbage_dates",
    "ids_lost",
    "null_created",
    "page_cap",
    "repeated_responses",
    "short_pages",
    "two_under_one_id",
    "unsorted",
    "unstable_ties",
    "window_ignored",
)


def run(walk: Walk) -> tuple[Verdict, set[str]]:
    verdict = _walk_v1(walk, "default", API)
    ids = walk.record_set.table().column("cluster_id").to_pylist()
    assert len(ids) == len(set(ids)), "present once"
    return verdict, set(ids)


@pytest.mark.parametrize("clusters", [0, 1, 99, 100, 101, 200, 1_234])
def test_an_unchanged_list_costs_its_pages_and_one_closing_check(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], clusters: int
) -> None:
    api = fake_api(1, clusters, clumps=False)
    verdict, ids = run(new_walk(api))
    assert verdict.state is State.COMPLETE
    assert ids == api.throughout
    assert api.requests <= -(-clusters // 100) + 3


def test_the_proof_is_a_sentence_with_the_numbers(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    verdict, _ = run(new_walk(fake_api(1, 250)))
    assert verdict.proof == (
        "walked by creation time: 250 ids; those older than the run are as many as the API "
        "counted, and the closing check found no missing cluster"
    )


@pytest.mark.parametrize("faults", [(), ("before_inclusive",), ("unstable_ties",)])
@pytest.mark.parametrize("size", [101, 350])
def test_more_clusters_in_one_second_than_fit_on_a_page_are_all_found(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], faults: Sequence[str], size: int
) -> None:
    api = fake_api(3, 0, faults)
    for second, many in ((50, 30), (40, size), (30, 60)):
        for _ in range(many):
            api.create(second)
    api.throughout = set(api.alive)
    verdict, ids = run(new_walk(api))
    assert verdict.state is State.COMPLETE
    assert ids == api.throughout


@pytest.mark.parametrize("before", range(0, 100, 9))
def test_a_page_within_one_second_is_not_read_twice(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], before: int
) -> None:
    api = fake_api(3)
    for number in range(600 - before):
        api.create(10 * number)
    for _ in range(150):
        api.create(10_000)
    for number in range(before):
        api.create(20_000 + 10 * number)
    api.throughout = set(api.alive)
    verdict, ids = run(new_walk(api))
    assert verdict.state is State.COMPLETE
    assert ids == api.throughout
    assert api.requests <= -(-750 // 100) + 3


def test_a_second_with_more_than_two_pages_does_not_end_the_walk_by_time(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    api = fake_api(3)
    for number in range(50):
        api.create(number)
    for _ in range(500):
        api.create(1_000)
    for number in range(50):
        api.create(2_000 + number)
    api.throughout = set(api.alive)
    # Its order of clusters of one second is reversed with the order that is asked for.
    api.ordered = lambda matching, query: sorted(
        matching, key=lambda c: (c["created"], c["id"]), reverse=query["sort_order"] == "desc"
    )
    verdict, ids = run(new_walk(api))
    assert verdict.proof.startswith("walked by creation time")
    assert ids == api.throughout


@pytest.mark.parametrize("deaths", [0.3, 3, 20])
def test_deletions_between_requests_hide_no_cluster(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], deaths: float
) -> None:
    api = fake_api(4, 1_000, births=1, deaths=deaths)
    verdict, ids = run(new_walk(api))
    assert verdict.state is State.COMPLETE
    assert api.throughout <= ids <= api.ever


@pytest.mark.parametrize("faults", [("before_ignored",), ("before_is_a_date",), ("null_created",)])
def test_a_list_that_cannot_be_walked_by_time_is_walked_by_page(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], faults: Sequence[str]
) -> None:
    api = fake_api(5, 450, faults)
    verdict, ids = run(new_walk(api))
    assert verdict.state is State.COMPLETE
    assert "two page walks in opposite directions agree" in verdict.proof
    assert ids == api.throughout


def test_a_list_with_a_count_that_is_too_high_is_never_complete(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    verdict, _ = run(new_walk(fake_api(6, 220, ("counts_too_high",))))
    assert verdict.state is State.UNPROVEN


@pytest.mark.parametrize("clusters", [100, 101, 102, 103, 104, 203])
def test_a_count_that_is_too_low_does_not_end_the_walk_early(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], clusters: int
) -> None:
    api = fake_api(6, clusters, ("counts_too_low",), clumps=False)
    _, ids = run(new_walk(api))
    assert ids == api.throughout


def test_a_second_whose_pages_never_end_is_split_by_filters_instead(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    api = fake_api(1)
    for _ in range(300):
        api.create(50)
    honest = api.response
    api.response = lambda query: honest({**query, "page": 1})  # every page is the first
    walk = new_walk(api)
    assert split_window(walk, EPOCH + timedelta(seconds=49), EPOCH + timedelta(seconds=51))
    assert set(walk.record_set) == api.ever
    assert api.requests < 60


def test_a_record_without_an_id_in_one_response_is_requested_again(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    api = fake_api(7, 300, ("ids_lost",), clumps=False)
    walk = new_walk(api)
    _, ids = run(walk)
    assert len(api.throughout - ids) <= len(walk.record_set.quarantine)


cases = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "clusters": st.sampled_from([0, 1, 5, 30, 100, 250]),
        "faults": st.lists(st.sampled_from(FAULTS), max_size=3, unique=True),
        "births": st.sampled_from([0, 0.3, 3]),
        "deaths": st.sampled_from([0, 0.3, 3]),
        "clumps": st.booleans(),
    }
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases, page_size=st.sampled_from([3, 10, 50, 100]))
def test_a_complete_list_lacks_no_cluster_whatever_the_api_does(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], case: dict[str, Any], page_size: int
) -> None:
    api = fake_api(**case)
    walk = new_walk(api, page_size=page_size, max_pages=600)
    try:
        verdict, ids = run(walk)
    except ApiError:
        return  # nothing is stored, and the run reports it
    assert ids <= api.ever
    if verdict.state is State.COMPLETE:
        # A record without an id is counted in the certificate instead.
        assert len(api.throughout - ids) <= len(walk.record_set.quarantine)


@given(stop=st.integers(1, 30), seed=st.integers(0, 1000), deaths=st.sampled_from([0, 0.5]))
@settings(max_examples=40, deadline=None)
def test_an_interrupted_walk_continues_where_it_stopped(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any], stop: int, seed: int, deaths: float
) -> None:
    api = fake_api(seed, 300, deaths=deaths, births=deaths, clumps=False)
    first = new_walk(api, page_size=10, max_pages=stop)
    with pytest.raises(WalkInterruptedError) as interrupted:
        _walk_v1(first, "default", API)
    point = msgspec.msgpack.decode(
        msgspec.msgpack.encode(interrupted.value.resume), type=ResumePoint
    )
    assert f"{point.clusters} of 300 clusters are kept" in str(interrupted.value)
    before = api.requests
    second = new_walk(api, page_size=10)
    assert apply_resume_point(second, point, "default", API.base_url)
    verdict, ids = run(second)
    assert verdict.state is State.COMPLETE
    assert api.throughout <= ids <= api.ever
    if not deaths:
        assert api.requests - before <= 30 - (stop - 1) + 8


def test_a_resume_point_of_another_list_is_not_used(
    fake_api: Callable[..., Any], new_walk: Callable[..., Any]
) -> None:
    walk = new_walk(fake_api(1, 50), page_size=10, max_pages=3)
    with pytest.raises(WalkInterruptedError):
        _walk_v1(walk, "default", API)
    point = make_resume_point(walk, "default", API.base_url)
    assert point is not None
    other = new_walk(fake_api(1, 50))
    assert not apply_resume_point(other, point, "other", API.base_url)
    assert not apply_resume_point(other, point, "default", "http://localhost")
    assert len(other.record_set) == 0
