"""The world of the soak: an API, a mail server, a clock, a store, and the program's processes."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller

from benchmarks.processes import ROOT
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.faults import Fault, Faults
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from aiosmtpd.smtp import SMTP, Envelope, Session

KEY = "soak-key"
NOWHERE = "http://127.0.0.1:1"
STORED = {0, 3}
"""Exit codes of an ``extract`` that acknowledges a snapshot."""


@dataclass(frozen=True)
class Ran:
    """An ended process; a negative code is the signal that ended it."""

    command: str
    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float | None


class Switched(Faults):
    """Faults that are set between runs."""

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        self.always: list[Fault] = []
        self.then: list[Fault | None] = []
        """Of the next requests, one each."""

    def next(self, now: datetime) -> tuple[Fault, ...]:
        super().next(now)
        first = self.then.pop(0) if self.then else None
        return (*self.always, *([first] if first else []))


@dataclass
class Inbox:
    """What the mail server accepted: the Message-ID, and whether the sender was then ended."""

    mails: list[tuple[str, bool]] = field(default_factory=list)
    is_sender_ended: bool = False

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        message = message_from_bytes(envelope.content or b"", policy=policy.default)
        self.mails.append((str(message["Message-ID"]), self.is_sender_ended))
        return "250 OK"

    def sent_twice(self) -> list[str]:
        """Messages accepted again, though the process that sent them first was not ended."""
        finished = Counter(identity for identity, is_ended in self.mails if not is_ended)
        return [identity for identity, times in finished.items() if times > 1]


class OnAFreePort(Controller):
    """Asks itself on the port it got, not on port 0."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class World:
    """Runs the program, and remembers what it acknowledged."""

    home: Path
    url: str
    clock: Clock
    faults: Switched
    inbox: Inbox
    dice: random.Random
    stored: dict[Path, str] = field(default_factory=dict)
    """The digest of each snapshot."""
    acknowledged: set[Path] = field(default_factory=set)
    ended: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Processes by command and exit code."""
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept."""
    may_warn: bool = True
    """Whether something happened since the last night that a night warns of."""
    usual_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COMMANDS, 1.0))

    @property
    def data(self) -> Path:
        return self.home / "data"

    def start(
        self,
        at: datetime,
        *arguments: str,
        url: str | None = None,
        key: str = KEY,
        mail: str = "up",
        file_kib: int | None = None,
        data: Path | None = None,
    ) -> Running:
        """Start the program at ``at`` by its machine's clock; ``file_kib`` limits every file."""
        command = [
            *(sys.executable, "-m", "benchmarks.under_clock", at.isoformat(), *arguments),
            *("--data-dir", str(data or self.data), "--api-url", url or self.url),
            *("--config", str(self.home / f"mail-{mail}.toml")),
        ]
        if file_kib is not None:
            command = ["bash", "-c", 'ulimit -f "$0"; exec "$@"', str(file_kib), *command]
        return Running(self, arguments[0], command, key)

    def run(self, at: datetime, *arguments: str, **options: str | int | Path | None) -> Ran:
        return self.start(at, *arguments, **options).end()  # type: ignore[arg-type]

    def fail(self, text: str) -> None:
        self.broken.append(text)
        print(f"BROKEN: {text}", flush=True)

    def remember(self, ran: Ran) -> None:
        """Count the run, and compare every snapshot with what it was."""
        self.ended[ran.command, ran.code] += 1
        if "Traceback" in ran.err:
            self.fail(f"{ran.command}: a traceback: {ran.err}")
        now = {
            path: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (self.data / "snapshots").rglob("*.parquet")
            if not path.name.startswith(".tmp-")
        }
        for path, digest in sorted(self.stored.items()):
            if now.get(path) != digest:
                self.fail(f"{path.name} is lost or changed after {ran.command} ({ran.code})")
        self.stored = now
        if ran.command == "extract" and ran.code in STORED:
            path = Path(ran.out.strip())
            self.acknowledged.add(path)
            if path not in now:
                self.fail(f"extract acknowledged {ran.out!r}, which is not stored")


class Running:
    """A started process."""

    def __init__(self, world: World, name: str, command: list[str], key: str) -> None:
        self._world, self._name = world, name
        self._peak = world.home / f"peak-{time.monotonic_ns()}"
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(world.home),
                "TENSORONE_API_KEY": key,
                "PEAK_MB_FILE": str(self._peak),
            },
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> Ran:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=300)
        seconds = time.monotonic() - self._began
        peak = None
        if self._peak.is_file():
            text = self._peak.read_text(encoding="ascii")
            peak = float(text) if text else None
            self._peak.unlink()
        ran = Ran(self._name, self.process.returncode, out, err, seconds, peak)
        self._world.remember(ran)
        return ran


COMMANDS = ("extract", "nightly")
SETTINGS = """[extract]
attempts = 2
page_size = 20
fresh_minutes = 0
[mail]
to = ["finops@example.org"]
security = "none"
host = "127.0.0.1"
port = {port}
"""


@contextmanager
def world(home: Path, seed: int, clusters: int, start: datetime, days: int) -> Iterator[World]:
    """A fleet behind a real HTTP server, and a real mail server, during the block."""
    clock, faults, inbox = Clock(start, step_seconds=1), Switched(), Inbox()
    app = make_app(Fleet(seed, clusters, start, days + 1), clock, keys=(KEY,), faults=faults)
    server = OnAFreePort(inbox, hostname="127.0.0.1", port=0)
    server.start()
    try:
        for mail, port in {"up": server.port, "down": 1}.items():
            (home / f"mail-{mail}.toml").write_text(SETTINGS.format(port=port), encoding="utf-8")
        with serve(app) as url:
            yield World(home, url, clock, faults, inbox, random.Random(seed))  # noqa: S311
    finally:
        server.stop()
