"""The cost of a complete list: our extraction, and other ways to get the same list into Parquet.

    python benchmarks/extract.py [--clusters 2000 20000 100000] [--runs 3] [--dlt-python PATH]

All rows of one size use one local server in a process of its own. They run in turn, each as a
process of its own with its imports. CPU is user + system time of that process, memory is its peak.
Compare the ratios, not the seconds. ``--dlt-python`` names an interpreter that can import dlt (not
one of our dependencies); without it that row is left out, with a message.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import itertools
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGE = 100
ROOT = Path(__file__).parents[1]

OURS = """
import sys
from datetime import UTC, datetime
from pipeline.extract import ApiTarget, take_snapshot
from pipeline.keys import Secret
from pipeline.settings import Extract
from pipeline.store import Store
api = ApiTarget(sys.argv[1], "v1", "bearer", Secret("k"))
snapshot = take_snapshot("default", api, Extract(), local_now=lambda: datetime.now(UTC))
Store(sys.argv[2]).publish_snapshot(snapshot)
assert snapshot.certificate.state == "complete", snapshot.certificate.proof
print(snapshot.certificate.requests, snapshot.table.num_rows)
"""

PLAIN = """
import sys
import pandas as pd
import requests
rows, page = [], 1
session = requests.Session()
while True:
    answer = session.get(sys.argv[1] + "/v1/clusters", params={"page": page, "limit": 100},
                         headers={"Authorization": "Bearer k"}, timeout=60)
    answer.raise_for_status()
    data = answer.json()["data"]
    rows += data["clusters"]
    if not data["pagination"]["has_next"]:
        break
    page += 1
frame = pd.json_normalize(rows)
frame["created_at"] = pd.to_datetime(frame["created_at"])
frame.to_parquet(sys.argv[2] + "/plain.parquet")
print(page, len(frame))
"""

DLT = """
import sys
import dlt
from dlt.sources.rest_api import rest_api_source
source = rest_api_source({
    "client": {"base_url": sys.argv[1] + "/v1/", "auth": {"type": "bearer", "token": "k"},
               "paginator": {"type": "page_number", "base_page": 1,
                             "total_path": "data.pagination.total_pages"}},
    "resources": [{"name": "clusters", "max_table_nesting": 0,
                   "endpoint": {"path": "clusters", "params": {"limit": 100},
                                "data_selector": "data.clusters"}}],
})
pipeline = dlt.pipeline("bench", pipelines_dir=sys.argv[2] + "/state",
                        destination=dlt.destinations.filesystem(sys.argv[2] + "/out"),
                        dataset_name="bench")
pipeline.run(source, loader_file_format="parquet")
print("-", pipeline.last_trace.last_normalize_info.row_counts["clusters"])
"""

FLOOR = """
import socket, sys
from urllib.parse import urlsplit
where = urlsplit(sys.argv[1])
sock = socket.create_connection((where.hostname, where.port))
pages = int(sys.argv[3])
buffer = bytearray(1 << 20)
for page in range(1, pages + 1):
    sock.sendall(f"GET /v1/clusters?page={page} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
    got = sock.recv_into(buffer)
    end = buffer.index(b"\\r\\n\\r\\n") + 4
    length = int(bytes(buffer[:end]).lower().split(b"content-length: ")[1].split(b"\\r\\n")[0])
    left = length - (got - end)
    while left > 0:
        left -= sock.recv_into(buffer)
print(pages, "-")
"""


def make_pages(clusters: int) -> tuple[list[bytes], dict[str, tuple[int, int]]]:
    """The responses for all pages, and the page that follows each creation time."""
    dice = random.Random(clusters)  # noqa: S311 - repeatable
    newest = datetime(2026, 1, 1, tzinfo=UTC)
    pages: list[bytes] = []
    after: dict[str, tuple[int, int]] = {}
    count = -(-clusters // PAGE)
    for number in range(count + 1):  # an empty page after the last
        first = number * PAGE
        indexes = range(first, min(first + PAGE, clusters))
        records = [make_record(dice, index, newest) for index in indexes]
        pagination = {
            "current_page": number + 1,
            "total_pages": count,
            "total_count": clusters,
            "per_page": PAGE,
            "has_next": number + 1 < count,
            "has_previous": number > 0,
        }
        body = {
            "success": True,
            "data": {"clusters": records, "pagination": pagination, "filters_applied": {}},
            "meta": {"request_id": f"req_{number}", "response_time_ms": 12},
        }
        pages.append(json.dumps(body).encode())
        if records:
            after[str(records[-1]["created_at"])] = number + 1, max(0, clusters - first - PAGE)
            oldest = records[-1]
    # After a full last page a walk requests one more, with an overlap of a second: the oldest.
    body["data"] = {"clusters": [oldest], "pagination": pagination, "filters_applied": {}}
    overlap = datetime.fromisoformat(str(oldest["created_at"])) + timedelta(seconds=1)
    after[f"{overlap:%Y-%m-%dT%H:%M:%SZ}"] = len(pages), 1
    pages.append(json.dumps(body).encode())
    return pages, after


def make_record(dice: random.Random, index: int, newest: datetime) -> dict[str, object]:
    """One cluster with all 21 fields; each has a creation second of its own."""

    def stamp(when: datetime) -> str:
        return f"{when:%Y-%m-%dT%H:%M:%SZ}"

    created = newest - timedelta(seconds=37 * index)
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


def serve(clusters: int, port: multiprocessing.Queue[int]) -> None:
    """Serve pages from memory, by page number or by ``created_before``, until killed."""
    pages, after = make_pages(clusters)
    counts = b'"total_count": %d' % clusters
    served = itertools.count()

    def response(target: str) -> bytes:
        query = parse_qs(urlsplit(target).query)
        number = int(query.get("page", ["1"])[0]) - 1
        body = pages[number]
        if "created_before" in query:
            number, left = after[query["created_before"][0]]
            body = pages[number].replace(counts, b'"total_count": %d' % left)
        body = body.replace(b'"req_', b'"req_%d_' % next(served))
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                writer.write(response(request.split(b" ", 2)[1].decode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        server = await asyncio.start_server(handle, sock=sock)
        port.put(sock.getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def measure(python: str, code: str, url: str, pages: int) -> tuple[float, float, float, str]:
    """CPU seconds, peak MB, wall seconds and the last output line of one process."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as out:
        environment = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "PYTHONPATH": str(ROOT)}
        start = time.monotonic()
        process = subprocess.Popen(
            [python, "-c", code, url, folder, str(pages)],
            stdout=out,
            env=environment,
            cwd=folder,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"a row failed with exit code {process.returncode}")
        out.seek(0)
        last = out.read().decode().strip().splitlines()[-1]
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, wall, last


def compare(clusters: int, runs: int, dlt_python: str | None) -> None:
    """Measure all rows for one size, and print the table."""
    rows = {"ours": OURS, "plain loop": PLAIN, "dlt": DLT, "floor": FLOOR}
    if dlt_python is None:
        del rows["dlt"]
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()
    server = context.Process(target=serve, args=(clusters, port), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{port.get()}"
        results: dict[str, list[tuple[float, float, float, str]]] = {name: [] for name in rows}
        for _ in range(runs):
            for name, code in rows.items():
                python = dlt_python if name == "dlt" and dlt_python else sys.executable
                results[name].append(measure(python, code, url, -(-clusters // PAGE)))
    finally:
        server.kill()
        server.join()
    print(f"\n{clusters} clusters, {runs} runs, ratios of medians")
    print(f"{'':12}{'CPU/dlt':>9}{'CPU/plain':>11}{'peak/plain':>12}{'CPU s':>8}  requests, rows")
    middle = {
        name: [statistics.median(run[part] for run in runs_of_row) for part in (0, 1)]
        for name, runs_of_row in results.items()
    }
    for name, (cpu, peak) in middle.items():
        by_dlt = f"{cpu / middle['dlt'][0]:.2f}" if "dlt" in middle else "-"
        by_plain = cpu / middle["plain loop"][0]
        memory = peak / middle["plain loop"][1]
        last = results[name][-1][3]
        print(f"{name:12}{by_dlt:>9}{by_plain:>11.2f}{memory:>12.2f}{cpu:>8.2f}  {last}")


def main() -> None:
    """Parse the options and print one table per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, nargs="+", default=[2_000, 20_000, 100_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dlt-python")
    options = parser.parse_args()
    dlt_python = options.dlt_python
    if dlt_python is None and importlib.util.find_spec("dlt"):
        dlt_python = sys.executable
    if dlt_python is None:
        print("dlt is not importable here: its row is left out (--dlt-python names another)")
    for clusters in options.clusters:
        compare(clusters, options.runs, dlt_python)


if __name__ == "__main__":
    main()
