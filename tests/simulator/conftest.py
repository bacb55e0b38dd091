"""One fleet and one server for the tests that only read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.faults import Faults
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import pandas as pd

    from pipeline.simulator.faults import Fault


@dataclass
class Api:
    """A served fleet and how to ask it."""

    url: str
    fleet: Fleet
    clock: Clock
    session: requests.Session

    def get(self, path: str = "/v1/clusters", **params: object) -> requests.Response:
        return self.session.get(self.url + path, params=params, timeout=10)  # type: ignore[arg-type]

    def list(self, **params: object) -> dict[str, Any]:
        """The ``data`` of a good answer."""
        response = self.get(**params)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def ids(self, **params: object) -> list[str]:
        """The ids of every page."""
        listed: list[str] = []
        page = 1
        while True:
            data = self.list(**{"limit": 100, **params, "page": page})
            listed += [cluster["id"] for cluster in data["clusters"]]
            if not data["pagination"]["has_next"]:
                return listed
            page += 1

    def truth(self) -> pd.DataFrame:
        return self.fleet.at(self.clock.now())


@pytest.fixture(scope="session")
def start() -> datetime:
    return datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def fleet(start: datetime) -> Fleet:
    return Fleet(7, 230, start, 10, error_share=0.2, stuck_pending_share=0.05, cpu_only_share=0.02)


@pytest.fixture
def misbehaving(fleet: Fleet, start: datetime) -> Callable[..., AbstractContextManager[Api]]:
    """Serves the fleet with the given faults (or, by position, with one at the first request)."""

    @contextmanager
    def served(fault: Fault | None = None, faults: Faults | None = None) -> Iterator[Api]:
        clock = Clock(start)
        app = make_app(fleet, clock, faults=faults or Faults(script={1: fault} if fault else {}))
        with serve(app) as url, requests.Session() as session:
            session.headers["Authorization"] = "Bearer demo-key"
            yield Api(url, fleet, clock, session)

    return served


@pytest.fixture(scope="module")
def api(fleet: Fleet, start: datetime) -> Iterator[Api]:
    clock = Clock(start + timedelta(days=4, hours=13, minutes=7))
    with serve(make_app(fleet, clock)) as url, requests.Session() as session:
        session.headers["Authorization"] = "Bearer demo-key"
        yield Api(url, fleet, clock, session)
