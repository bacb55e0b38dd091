"""The embedded API with other texts in every text field, served over HTTP and reported on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from tests.cli.conftest import KEY, SIMULATED, START, Api, Ran, Run, make_run
from tests.hostile.corpus import LONE_SURROGATES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIELDS = ("name", "description", "gpu_type", "region", "project_id", "template_id", "proxy_url")
PROVEN_IN_A_DAY = """
[rules]
idle_min_running_hours = 5
idle_min_samples = 1
idle_proven_bound = 1
idle_likely_bound = 1
idle_proven_days = 0.1
"""
RULES = f"""{PROVEN_IN_A_DAY}
[report]
max_rows = 100000

[own_rules.every]
when = "gpu_count >= 0"
reason = "{{name}} in {{region}} of {{project_id}}"
title = "Every cluster"
action = "terminate"
"""
"""Every cluster has a finding, and the page shows them all."""
HOURS = (0, 6, 12, 18, 25)


class Texts:
    """The texts of each cluster's record: as hostile as the corpus, or as benign as can be.

    Two fleets that differ in their texts only have the same clusters, money and findings.
    """

    def __init__(self, texts: Sequence[str], *, benign: bool) -> None:
        self._texts = texts
        self._benign = benign
        self._numbers: dict[str, int] = {}

    def of(self, number: int) -> str:
        """One text of the corpus, or what stands for it."""
        text = self._texts[number % len(self._texts)]
        if not self._benign or not text.strip() or text in LONE_SURROGATES:
            return text  # these count as no text, in both fleets
        return f"text-{number % len(self._texts)}"

    def record(self, record: dict[str, Any]) -> dict[str, Any]:
        """``record`` with other texts; its id stays different from all others."""
        number = self._numbers.setdefault(record["id"], len(self._numbers))
        texts = {field: self.of(number + place) for place, field in enumerate(FIELDS)}
        if number % 20 == 0:
            texts["status"] = self.of(number + len(FIELDS))
        # A record whose id has a lone surrogate cannot be stored: it is quarantined.
        own = self.of(number)[:100].encode("utf-8", "ignore").decode() + record["id"][-12:]
        login = {"host": self.of(number), "port": 22, "username": self.of(number + 1)}
        extra = {self.of(number)[:50] + "x": self.of(number + 2)}
        return {**record, **texts, **extra, "id": own, "ssh_connection": login}


def rewriting(app: ASGIApp, change: Callable[[dict[str, Any]], dict[str, Any]]) -> ASGIApp:
    """``app`` with every cluster's record changed on its way out."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        start: list[Message] = []
        body = b""

        async def collect(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                start.append(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = json.loads(body)
            page["data"]["clusters"] = [change(each) for each in page["data"]["clusters"]]
            body = json.dumps(page).encode()
            headers = [pair for pair in start[0]["headers"] if pair[0] != b"content-length"]
            length = (b"content-length", str(len(body)).encode())
            await send({**start[0], "headers": [*headers, length]})
            await send({"type": "http.response.body", "body": body})

        await app(scope, receive, collect)

    return wrapped


def reported(home: Path, texts: Texts, clusters: int, settings: str = "") -> tuple[Run, Ran]:
    """The program on a data folder with a day of ``texts`` and its report; how that run ended."""
    clock, fleet = Clock(START, step_seconds=1), Fleet(7, clusters, START, 3, births_per_day=0)
    run = make_run(home, home / "data")
    (home / "simulated.toml").write_text(settings + SIMULATED + RULES)
    app = rewriting(make_app(fleet, clock, keys=(KEY,)), texts.record)
    with serve(app) as url:
        api = Api(url, clock, fleet)
        for hours in HOURS:
            api.go_to(hours)
            ran = run("extract", url=url)
            assert ran.code in {0, 3}, ran.err
    assert run("ledger").code == 0
    return run, run("report")
