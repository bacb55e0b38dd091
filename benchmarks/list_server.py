"""A small server of the v1 list, on Python's ``http.server``: nothing in it is tuned for a client.

    python -m benchmarks.list_server CLUSTERS

It prints its port, and serves until it is killed. It understands what the vendor's page documents
of ``GET /v1/clusters``: ``page``, ``limit``, ``sort_order`` and the times ``created_before`` and
``created_after`` (both exclusive), and counts what matches. 150 of its clusters were created in one
second, and 40 in another; the others have a second of their own.
"""

from __future__ import annotations

import json
import random
import sys
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
BATCHES = {0.3: 150, 0.7: 40}
"""Clusters created in one second, by their place in the list."""


def stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def created_times(clusters: int) -> list[datetime]:
    """The creation time of each cluster, oldest first."""
    batches = {int(share * clusters): size for share, size in BATCHES.items()}
    times: list[datetime] = []
    second = NEWEST - timedelta(seconds=37 * clusters)
    while len(times) < clusters:
        second += timedelta(seconds=37)
        size = next((n for at, n in batches.items() if at <= len(times) < at + n), 1)
        times += [second] * min(size, clusters - len(times))
    return times


def record(dice: random.Random, index: int, created: datetime) -> dict[str, object]:
    """One cluster with all 21 fields."""
    identity = f"cluster_{dice.getrandbits(40):010x}"
    return {
        "id": identity,
        "name": f"team-{dice.randrange(40)}-train-{index}",
        "description": "Fine-tuning and evaluation of language models",
        "status": dice.choice(("running", "stopped")),
        "gpu_type": dice.choice(("A100", "H100", "T4")),
        "gpu_count": dice.choice((1, 2, 4, 8)),
        "cpu_cores": 64,
        "memory_gb": 512,
        "storage_gb": 2000,
        "region": dice.choice(("us-east-1", "us-west-2")),
        "project_id": f"proj_{dice.randrange(40)}",
        "template_id": f"tmpl_{dice.randrange(9)}",
        "ssh_enabled": True,
        "port_mappings": [{"internal_port": 8080, "external_port": 32001, "protocol": "tcp"}],
        "proxy_url": f"https://{identity}.example.com",
        "ssh_connection": {"host": f"ssh-{identity}.example.com", "port": 22, "username": "root"},
        "metrics": {
            "gpu_utilization": dice.randrange(1000) / 10,
            "memory_utilization": dice.randrange(1000) / 10,
            "cpu_utilization": dice.randrange(1000) / 10,
        },
        "cost": {
            "hourly_rate": dice.randrange(5000) / 100,
            "current_session_cost": dice.randrange(10**6) / 100,
            "total_cost": dice.randrange(10**8) / 100,
        },
        "created_at": stamp(created),
        "updated_at": stamp(created + timedelta(hours=1)),
        "expires_at": stamp(created + timedelta(days=90)),
    }


class Fleet:
    """The list, oldest first, each cluster as its JSON text."""

    def __init__(self, clusters: int) -> None:
        dice = random.Random(clusters)  # noqa: S311 - repeatable
        times = created_times(clusters)
        self._created = [stamp(time) for time in times]
        self._texts = [json.dumps(record(dice, n, time)) for n, time in enumerate(times)]
        self._requests = 0

    def answer(self, query: dict[str, str]) -> bytes:
        """The response to a request, as JSON."""
        self._requests += 1
        number, limit = int(query.get("page", "1")), min(int(query.get("limit", "20")), 100)
        below, above = query.get("created_before"), query.get("created_after")
        first = bisect_right(self._created, above) if above else 0
        last = bisect_left(self._created, below) if below else len(self._created)
        total = max(0, last - first)
        skipped = (number - 1) * limit
        if query.get("sort_order") == "asc":
            chosen = self._texts[first:last][skipped : skipped + limit]
        else:
            end = last - skipped
            chosen = self._texts[max(first, end - limit) : max(first, end)][::-1]
        pages = -(-total // limit)
        pagination = {
            "current_page": number,
            "total_pages": pages,
            "total_count": total,
            "per_page": limit,
            "has_next": number < pages,
            "has_previous": number > 1,
        }
        meta = {"request_id": f"req_{self._requests}", "response_time_ms": 12}
        return (
            f'{{"success": true, "data": {{"clusters": [{", ".join(chosen)}], '
            f'"pagination": {json.dumps(pagination)}, "filters_applied": {{}}}}, '
            f'"meta": {json.dumps(meta)}}}'
        ).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers on connections that stay open."""

    protocol_version = "HTTP/1.1"
    fleet: Fleet

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.fleet.answer(query)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """No log: it would share the output with the port."""


def main() -> None:
    Handler.fleet = Fleet(int(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
