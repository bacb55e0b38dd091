"""A List Clusters API without HTTP, which changes between requests and has faults."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.extract.budget import RequestBudget, Timing
from pipeline.extract.client import Fetched
from pipeline.extract.record_set import RecordSet
from pipeline.extract.walk import Walk
from pipeline.progress import ignore
from pipeline.settings import Extract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.extract.api_types import Page

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

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


def stamp(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeApi:
    """Takes the place of the client: ``get(query, decode)``."""

    def __init__(
        self,
        seed: int = 0,
        clusters: int = 0,
        faults: Sequence[str] = (),
        births: float = 0.0,
        deaths: float = 0.0,
        *,
        clumps: bool = True,
    ) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - repeatable
        self.faults = frozenset(faults)
        self.births, self.deaths = births, deaths
        self.now = 10_000_000
        self.made = 0
        self.alive: dict[str, dict] = {}
        self.ever: set[str] = set()
        self.throughout: set[str] = set()
        self.requests = 0
        self.budget = None
        self.responses: list = []
        self.shown: set[str] = set()
        spread = max(50, clusters * (1 if clumps else 40))
        while len(self.alive) < clusters:
            created = self.now - 1 - self.dice.randrange(spread)
            batch = self.dice.choice((1, 1, 1, 1, 5, 40)) if clumps else 1
            for _ in range(min(batch, clusters - len(self.alive))):
                self.create(created)
        self.throughout = set(self.alive)

    def create(self, created: int) -> None:
        self.made += 1
        identity = f"c{self.made:05d}"
        has_no_time = "null_created" in self.faults and self.dice.random() < 0.02
        self.alive[identity] = {
            "id": identity,
            "created": None if has_no_time else created,
            "gpu_type": self.dice.choice(("A100", "H100", "T4", "B300")),
            "region": self.dice.choice(("us-east-1", "eu-west-1")),
            "status": self.dice.choice(("running", "stopped")),
        }
        self.ever.add(identity)

    def churn(self) -> None:
        self.now += self.dice.randrange(1, 3)
        for _ in range(self._some(self.births)):
            self.create(self.now)
        for _ in range(self._some(self.deaths)):
            if self.alive:
                gone = self.dice.choice(sorted(self.alive))
                del self.alive[gone]
                self.throughout.discard(gone)

    def _some(self, mean: float) -> int:
        return int(mean) + (self.dice.random() < mean % 1)

    def has(self, fault: str, share: float = 1.0) -> bool:
        return fault in self.faults and self.dice.random() < share

    def get(self, query: dict[str, Any], decode: Callable[[bytes], Page]) -> Fetched:
        self.budget.before_request()
        if self.requests:
            self.churn()
        self.requests += 1
        if self.responses and self.has("repeated_responses", 0.15):
            body, at = self.dice.choice(self.responses)
        else:
            body, at = (
                json.dumps(self.response(query)).encode(),
                EPOCH + timedelta(seconds=self.now),
            )
            self.responses.append((body, at))
        return Fetched(decode(body), at)

    def response(self, query: dict[str, Any]) -> dict[str, Any]:
        listed = self.ordered(self.matching(query), query)
        limit = min(int(query["limit"]), 7 if "page_cap" in self.faults else 100)
        start = (int(query.get("page", 1)) - 1) * limit
        rows = [self.record(cluster) for cluster in listed[start : start + limit]]
        if rows and self.has("short_pages", 0.15):
            rows = rows[: self.dice.randrange(len(rows)) or 1]
        if self.has("empty_pages", 0.15):
            rows = []
        total = len(self.alive) if "counts_unfiltered" in self.faults else len(listed)
        total += 3 if "counts_too_high" in self.faults else 0
        total = max(0, total - 3) if "counts_too_low" in self.faults else total
        total += self.dice.randrange(3) if self.has("counts_jitter", 0.2) else 0
        pagination = {"total_count": total, "per_page": limit, "has_next": self.dice.random() < 0.5}
        if "counts_absent" in self.faults:
            del pagination["total_count"]
        return {
            "success": True,
            "data": {"clusters": rows, "pagination": pagination},
            "meta": {"request_id": f"req_{self.requests}"},
        }

    def matching(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        before, after = query.get("created_before"), query.get("created_after")
        if "before_ignored" in self.faults or self.has("window_ignored", 0.1):
            before = None
        if "window_ignored" in self.faults:
            after = None
        inclusive = "before_inclusive" in self.faults
        digits = 10 if "before_is_a_date" in self.faults else 30

        def matches(cluster: dict[str, Any]) -> bool:
            for name in ("gpu_type", "region", "status"):
                if name in query and cluster[name] != query[name]:
                    return False
            if before is None and after is None:
                return True
            if cluster["created"] is None:
                return False
            at = stamp(cluster["created"])
            if before and not (at < before[:digits] or (inclusive and at == before)):
                return False
            return not (after and not (at > after[:digits] or (inclusive and at == after)))

        return [cluster for cluster in self.alive.values() if matches(cluster)]

    def ordered(
        self, matching: list[dict[str, Any]], query: dict[str, Any]
    ) -> list[dict[str, Any]]:
        newest_first = query.get("sort_order", "desc") == "desc" or "asc_ignored" in self.faults
        if "unstable_ties" in self.faults:
            self.dice.shuffle(matching)
        else:
            matching.sort(key=lambda cluster: cluster["id"])
        matching.sort(key=lambda cluster: cluster["created"] or 0, reverse=newest_first)
        if matching and self.has("unsorted", 0.3):
            matching.insert(0, matching.pop(self.dice.randrange(len(matching))))
        return matching

    def record(self, cluster: dict[str, Any]) -> dict[str, Any]:
        record = {
            "id": cluster["id"],
            "gpu_type": cluster["gpu_type"],
            "region": cluster["region"],
            "status": cluster["status"],
            "created_at": None if cluster["created"] is None else stamp(cluster["created"]),
        }
        if self.has("garbage_dates", 0.05):
            record["created_at"] = "yesterday"
        if self.has("ids_lost", 0.01):
            record["id"] = None
        # Only an id that was listed before: another wrong id would not be a duplicate.
        if self.shown and self.has("two_under_one_id", 0.01):
            record["id"] = self.dice.choice(sorted(self.shown))
        elif record["id"]:
            self.shown.add(record["id"])
        return record


def make_walk(api: FakeApi, **settings: object) -> Walk:
    settings = Extract(**{"max_pages": 3_000, **settings})
    budget = RequestBudget(settings, Timing(lambda: 0.0, lambda _: None, lambda: 0.5))
    api.budget = budget
    return Walk(
        client=api,
        budget=budget,
        record_set=RecordSet(keep_connection=False),
        settings=settings,
        version="v1",
        on_page=ignore,
        local_now=lambda: EPOCH + timedelta(seconds=api.now),
    )


@pytest.fixture(scope="session")
def fake_api() -> type[FakeApi]:
    return FakeApi


@pytest.fixture(scope="session")
def new_walk() -> Callable[..., Walk]:
    return make_walk
