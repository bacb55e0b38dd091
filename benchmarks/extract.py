"""The cost of a complete list of a fleet in Parquet: our extraction and the plain loop.

    python -m benchmarks.extract ROW URL FOLDER PAGES

- ``ours``: ``take_snapshot`` with its proof of completeness, and the store's file.
- ``plain``: requests, page after page, ``json_normalize`` and ``to_parquet``. No proof, retries or
  types of its own.
- ``floor``: asks for the same pages over a socket and throws the bytes away.

All rows of a fleet use one server (``list_server.py``) in a process of its own, in turn.
"""

# ruff: noqa: PLC0415 - each process imports only what its own row needs: imports are counted

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.processes import ROOT, Cost, in_turn, ratio, run, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 100


def ours(url: str, folder: str) -> dict[str, Any]:
    from datetime import UTC, datetime

    from pipeline.extract import ApiTarget, take_snapshot
    from pipeline.keys import Secret
    from pipeline.settings import Extract
    from pipeline.store import Store

    api = ApiTarget(url, "v1", "bearer", Secret("k"))
    snapshot = take_snapshot("default", api, Extract(), local_now=lambda: datetime.now(UTC))
    Store(folder).publish_snapshot(snapshot)
    certificate = snapshot.certificate
    return {
        "requests": certificate.requests,
        "clusters": snapshot.table.num_rows,
        "state": str(certificate.state),
        "imports_pandas": "pandas" in sys.modules,
    }


def plain(url: str, folder: str) -> dict[str, Any]:
    import pandas as pd
    import requests

    rows: list[dict[str, Any]] = []
    page = 1
    session = requests.Session()
    while True:
        answer = session.get(
            url + "/v1/clusters",
            params={"page": page, "limit": PAGE},
            headers={"Authorization": "Bearer k"},
            timeout=60,
        )
        answer.raise_for_status()
        data = answer.json()["data"]
        rows += data["clusters"]
        if not data["pagination"]["has_next"]:
            break
        page += 1
    frame = pd.json_normalize(rows)
    frame["created_at"] = pd.to_datetime(frame["created_at"])
    frame.to_parquet(folder + "/plain.parquet")
    return {"requests": page, "clusters": len(frame)}


def floor(url: str, pages: int) -> dict[str, Any]:
    import socket
    from urllib.parse import urlsplit

    where = urlsplit(url)
    received = 0
    buffer = bytearray(1 << 20)
    with socket.create_connection((where.hostname or "", where.port or 80)) as sock:
        for page in range(1, pages + 1):
            path = f"/v1/clusters?page={page}&limit={PAGE}"
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            # Status line and headers may come in a packet of their own.
            size = sock.recv_into(buffer)
            while (end := buffer.find(b"\r\n\r\n", 0, size)) < 0:
                size += sock.recv_into(memoryview(buffer)[size:])
            head = bytes(buffer[:end]).lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            left = length - (size - end - 4)
            received += end + 4 + length
            while left > 0:
                left -= sock.recv_into(buffer)
    return {"requests": pages, "bytes": received}


@contextmanager
def served(clusters: int) -> Iterator[str]:
    """The URL of a server of a fleet of that size, which ends with the block."""
    command = [sys.executable, "-m", "benchmarks.list_server", str(clusters)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def compare(clusters: int, runs: int) -> dict[str, Any]:
    """All rows for one fleet.

    Raises:
        SystemExit: a row lacks clusters, or ours is not proven complete.
    """
    pages = -(-clusters // PAGE)
    with served(clusters) as url:

        def row(name: str) -> Cost:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "benchmarks.extract", name]
                return run([*command, url, folder, str(pages)])

        costs = in_turn({name: lambda n=name: row(n) for name in ("ours", "plain", "floor")}, runs)
    results = {name: row[-1].result for name, row in costs.items()}
    if results["ours"]["state"] != "complete":
        raise SystemExit(f"extract of {clusters} clusters: {results['ours']}")
    if {results[name]["clusters"] for name in ("ours", "plain")} != {clusters}:
        raise SystemExit(f"extract of {clusters} clusters: {results}")
    return {
        "clusters": clusters,
        "rows": {name: summary(row) | results[name] for name, row in costs.items()},
        "ours_to_plain": ratio(costs["ours"], costs["plain"]),
        "requests_allowed": pages + 3,
    }


def main() -> None:
    row, url, folder, pages = sys.argv[1:5]
    Path(folder).mkdir(exist_ok=True)
    rows = {
        "ours": lambda: ours(url, folder),
        "plain": lambda: plain(url, folder),
        "floor": lambda: floor(url, int(pages)),
    }
    print(json.dumps(rows[row]()))


if __name__ == "__main__":
    main()
