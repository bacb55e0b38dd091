"""Extraction under every fault of the simulator, many times, over real HTTP.

    python benchmarks/faults.py [--runs 20] [ROW ...]

Prints the table of docs/reliability.md. A run is one snapshot of a fleet of a few hundred
clusters, each run with another seed. FALSE counts what must not happen: a snapshot with the state
complete that lacks a cluster which existed from the first request to the last (and is not counted
among the quarantined records), or that contains one which never existed.
"""

from __future__ import annotations

import argparse
import gzip
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.errors import ApiError, KeyRefusedError
from pipeline.extract import ApiTarget, Timing, take_snapshot
from pipeline.keys import Secret
from pipeline.settings import Extract
from pipeline.simulator import bad_responses, failed_responses
from pipeline.simulator.app import make_app
from pipeline.simulator.bad_records import (
    BAD_FIELD,
    DUPLICATE_ID,
    ODD_BUT_FINE,
    STRANGE_ID,
    WITHOUT_ID,
)
from pipeline.simulator.churn import Churn
from pipeline.simulator.clock import Clock
from pipeline.simulator.faults import Fault, Faults
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.query_results import Quirks
from pipeline.simulator.response import Reply
from pipeline.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=20)
CLUSTERS = 450


@dataclass(frozen=True)
class Row:
    """One line of the matrix."""

    what: str
    faults: Callable[[], dict[str, Any]]
    churn: float = 1.0
    """Births and deaths before each request, on average."""
    page_size: int = 50
    app: dict[str, Any] = field(default_factory=dict)
    version: str = "v1"
    settings: dict[str, Any] = field(default_factory=dict)
    backdated_seconds: int = 0


def one_in_four(*choices: Any) -> Callable[[], dict[str, Any]]:  # noqa: ANN401
    """One request in four gets one of ``choices``."""
    return lambda: {"chance": 0.25, "choices": choices, "max_in_a_row": 2}


def always(*faults: Any) -> Callable[[], dict[str, Any]]:  # noqa: ANN401
    """Every request gets all of ``faults``."""
    return lambda: {"always": faults}


def quirk(**quirks: Any) -> Callable[[], dict[str, Any]]:  # noqa: ANN401
    """The server deviates in this way in every request."""
    return lambda: {"quirks": Quirks(**quirks)}


def invalid_wait(retry_after: str) -> Fault:
    """A 503 with an invalid wait."""
    return Fault("invalid wait", on_reply=lambda *_: Reply(503, b"", {"Retry-After": retry_after}))


def without_pagination() -> Fault:
    """The requested pages, without a count of the list."""
    return Fault("no pagination", on_page=lambda page: page.pagination.clear())


def always_first_page() -> dict[str, Any]:
    """The first page for every request, without a count of the list."""
    first: list[Reply] = []

    def on_reply(reply: Reply, _: datetime) -> Reply:
        first.append(reply)
        return first[0]

    return {"always": (without_pagination(), Fault("one page", on_reply=on_reply))}


@cache
def empty_records(megabytes: int) -> Fault:
    """``{},`` many times: some kilobytes compressed, gigabytes as objects."""
    many = b"{}," * (megabytes * 2**20 // 3) + b"{}"
    body = gzip.compress(b'{"data": {"clusters": [' + many + b"]}}")
    return Fault("records", on_reply=lambda *_: Reply(200, body, {"Content-Encoding": "gzip"}))


IMPATIENT = {"page_deadline_seconds": 0.4}
EVERYTHING = (
    failed_responses.status(500),
    failed_responses.dropped(),
    failed_responses.truncated(),
    failed_responses.html(),
    failed_responses.unsuccessful(),
    bad_responses.empty(),
    bad_responses.short(),
    bad_responses.repeated(),
    bad_responses.stale(),
    bad_responses.never_has_next(),
    bad_responses.always_has_next(),
    bad_responses.miscounted(3),
    bad_responses.miscounted(-3),
)

MATRIX = {
    "quiet": Row("nothing, unchanged list", dict, churn=0),
    "churn": Row("1 birth, 1 death before each request", dict),
    "heavy churn": Row("10 births, 10 deaths before each request", dict, churn=10),
    "backdated": Row("births dated up to a day back", dict, backdated_seconds=86_400),
    "statuses": Row(
        "429 500 502 503 504, 1 in 4",
        one_in_four(*(failed_responses.status(code) for code in (429, 500, 502, 503, 504))),
    ),
    "other statuses": Row(
        "408 425 520 524 530 599, 1 in 4",
        one_in_four(*(failed_responses.status(code) for code in (408, 425, 520, 524, 530, 599))),
    ),
    "invalid waits": Row(
        "503 with Retry-After of 30 million years or in 9999, 1 in 4",
        one_in_four(invalid_wait("9" * 15), invalid_wait("Fri, 31 Dec 9999 23:59:59 -2359")),
    ),
    "lost responses": Row(
        "dropped, truncated, HTML with 200, 1 in 4",
        one_in_four(
            failed_responses.dropped(), failed_responses.truncated(), failed_responses.html()
        ),
    ),
    "unsuccessful": Row(
        "success: false with 200, 1 in 4", one_in_four(failed_responses.unsuccessful())
    ),
    "hang and drip": Row(
        "hangs, single bytes, 1 in 4",
        one_in_four(failed_responses.hang(2.0), failed_responses.drip(0.1, 1)),
        settings=IMPATIENT,
    ),
    "bombs": Row(
        "200 MB of blanks, gzip bomb, always",
        always(failed_responses.gzip_bomb(200)),
        settings={"max_page_bytes": 2**22},
    ),
    "records": Row("21 million empty records, always", lambda: {"always": (empty_records(60),)}),
    "redirect": Row("a redirect, always", always(failed_responses.redirect("http://127.0.0.1:9/"))),
    "refused": Row("401, always", always(failed_responses.status(401))),
    "retry on 200": Row(
        "Retry-After on 200, always", always(failed_responses.retry_after_on_success())
    ),
    "rate limit": Row("8 requests an hour", dict, app={"rate_limit": 8}),
    "empty": Row("empty page, 1 in 4", one_in_four(bad_responses.empty())),
    "short": Row("page without its last 3, 1 in 4", one_in_four(bad_responses.short())),
    "repeated": Row("the previous page again, 1 in 4", one_in_four(bad_responses.repeated())),
    "stale": Row("the page of an hour ago, 1 in 4", one_in_four(bad_responses.stale())),
    "next": Row(
        "has_next wrong, 1 in 4",
        one_in_four(bad_responses.never_has_next(), bad_responses.always_has_next()),
        churn=1,
    ),
    "miscounted": Row(
        "count off by 3, 1 in 4",
        one_in_four(bad_responses.miscounted(3), bad_responses.miscounted(-3)),
    ),
    "count too high": Row("count too high by 3, always", always(bad_responses.miscounted(3))),
    "count too low": Row("count too low by 3, always", always(bad_responses.miscounted(-3))),
    "no count": Row("no pagination object, always", always(without_pagination())),
    "no count, quiet": Row("the same on an unchanged list", always(without_pagination()), churn=0),
    "one page": Row("always the first 50, no count", always_first_page, churn=0),
    "without ids": Row("no record has an id", always(bad_responses.damaged(tuple(WITHOUT_ID), 1))),
    "inclusive": Row("created_before includes its bound", quirk(before_inclusive=True)),
    "ignored": Row("created_before has no effect", quirk(before_ignored=True)),
    "ignored, quiet": Row("the same on an unchanged list", quirk(before_ignored=True), churn=0),
    "order": Row("sort order ignored", quirk(order_ignored=True)),
    "cap": Row("pages silently capped at 20", quirk(limit_cap=20)),
    "ties": Row("ties in a new order each time", lambda: {"unstable_ties": True}),
    "bad fields": Row(
        "1 record in 5 has a bad field", always(bad_responses.damaged(tuple(BAD_FIELD)))
    ),
    "odd fields": Row("1 record in 5 is odd", always(bad_responses.damaged(tuple(ODD_BUT_FINE)))),
    "few without id": Row(
        "1 record in 200 without an id", always(bad_responses.damaged(tuple(WITHOUT_ID), 200))
    ),
    "strange ids": Row(
        "1 record in 50 with a strange id",
        always(bad_responses.damaged(tuple(STRANGE_ID), 50)),
    ),
    "everything": Row(
        "13 of these faults mixed, 1 in 3", lambda: {"chance": 0.33, "choices": EVERYTHING}
    ),
    "v2": Row("v2, unchanged list", dict, churn=0, version="v2"),
    "v2 churn": Row("v2, 0.3 births and deaths before each request", dict, churn=0.3, version="v2"),
    "v2 pages of 50": Row(
        "v2 lists 50 a page, unchanged list", dict, churn=0, version="v2", app={"v2_page_size": 50}
    ),
    "v2 pages of 50, churn": Row(
        "the same with 0.3 births and deaths", dict, 0.3, version="v2", app={"v2_page_size": 50}
    ),
    "v2 pages": Row(
        "v2 lists the first 20 only", dict, churn=0, version="v2", app={"v2_pages": True}
    ),
}


@dataclass
class Tally:
    """The results of the runs of one row."""

    runs: int = 0
    requests: int = 0
    faults: int = 0
    states: Counter[str] = field(default_factory=Counter)
    false: int = 0


def run_row(row: Row, runs: int) -> Tally:
    """Take ``runs`` snapshots with the row's faults."""
    tally = Tally()
    for seed in range(runs):
        _run(row, seed, tally)
    return tally


def _run(row: Row, seed: int, tally: Tally) -> None:
    fleet = Fleet(seed=seed, clusters=CLUSTERS, start=START, days=30)
    clock = Clock(NOW, step_seconds=1.0)
    churn = Churn(
        fleet,
        births=row.churn,
        deaths=row.churn,
        backdated_seconds=row.backdated_seconds,
        seed=seed,
    )
    faults = Faults(churn=churn, seed=seed, **row.faults())
    timing = Timing(sleep=clock.advance)
    settings = Extract(page_size=row.page_size, max_wait_seconds=7200, **row.settings)
    tally.runs += 1
    with serve(make_app(fleet, clock, faults=faults, **row.app)) as url:
        api = ApiTarget(url, row.version, "bearer", Secret("demo-key"))
        try:
            snapshot = take_snapshot("default", api, settings, local_now=clock.now, timing=timing)
        except (ApiError, KeyRefusedError):
            tally.states["nothing stored"] += 1
            snapshot = None
    tally.requests += faults.requests
    tally.faults += len(faults.log)
    if snapshot is None:
        return
    certificate = snapshot.certificate
    tally.states[certificate.state] += 1
    ids = set(snapshot.table.column("cluster_id").to_pylist())
    flags = snapshot.table.column("bad_fields").to_pylist()
    renamed = sum("cluster_id" in (flag or "") for flag in flags)
    renamed += sum(identity.startswith("../") for identity in ids)
    renamed += DUPLICATE_ID in ids
    lacking = len(churn.alive_throughout - ids) - certificate.quarantined - renamed
    strangers = len(ids - churn.ever_alive) - renamed
    if certificate.state == "complete" and (lacking > 0 or strangers > 0):
        tally.false += 1


def main() -> None:
    """Print the matrix."""
    logging.disable()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    states = ("complete", "suspect", "drifted", "unproven", "nothing stored")
    print("| injected | runs | faults | requests |", " | ".join(states), "| FALSE |")
    print("|---" * 10 + "|")
    for name, row in MATRIX.items():
        if options.rows and name not in options.rows:
            continue
        tally = run_row(row, options.runs)
        counts = " | ".join(str(tally.states[state] or "") for state in states)
        print(
            f"| {row.what} | {tally.runs} | {tally.faults or ''} | {tally.requests} "
            f"| {counts} | {tally.false} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
