"""Locks in a bucket, over a real S3 wire: one holder at a time, whoever dies or hangs."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.errors import LockedError, StorageError
from pipeline.jobs import Job
from pipeline.jobs.send import send
from pipeline.keys import Secret
from pipeline.settings import Mail, Settings
from pipeline.store import Store
from pipeline.store.lease import Lease
from tests import bucket

obstore = pytest.importorskip("obstore")

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
DAY = date(2026, 10, 20)
SHORT = 1
"""Seconds; S3 reports whole seconds, so a lease of one lasts at most two."""
OVER = 2.1
MESSAGE = b"To: x\r\nDate: x\r\nMessage-ID: <x@x>\r\n\r\n"

CONTENDER = """
import json, sys
from pipeline.errors import LockedError
from pipeline.store import Store
store = Store(sys.argv[1], json.loads(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
try:
    with store.lock("derive"):
        print("won", flush=True)
        sys.stdin.readline()
except LockedError as error:
    print(error, flush=True)
"""


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, str]]:
    with bucket.served() as options:
        yield options


@pytest.fixture
def uri(options: dict[str, str]) -> str:
    return bucket.new_bucket(options)


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is renewed in the background, as on a machine that is suspended."""
    monkeypatch.setattr(Lease, "renewed", lambda _: nullcontext())


def test_a_lock_is_exclusive_and_free_after_its_release(uri: str, options: dict[str, str]) -> None:
    first, second = Store(uri, options), Store(uri, options)
    for store in (first, second, first):
        with store.lock("derive"):
            with pytest.raises(
                LockedError, match=r"some/prefix/locks/derive\.lock: process \d+ on"
            ):
                second.lock("derive").__enter__()
            with second.lock("extract-default"):
                store.confirm_locks()


def test_a_long_run_keeps_its_lock(uri: str, options: dict[str, str]) -> None:
    first, second = Store(uri, options, SHORT), Store(uri, options, SHORT)
    holders = set()
    with first.lock("derive"):
        until = time.monotonic() + 2 * OVER
        while time.monotonic() < until:
            with pytest.raises(LockedError) as refused:
                second.lock("derive").__enter__()
            holders.add(str(refused.value).partition(" since ")[2].partition(";")[0])
            time.sleep(0.2)
    assert len(holders) == 1, "a renewal does not change the time since when it is held"


def test_one_of_several_processes_gets_an_expired_lock(uri: str, options: dict[str, str]) -> None:
    store = Store(uri, options)
    dead = {"run": "x", "host": "elsewhere", "pid": 7, "ttl_seconds": SHORT}
    store.files.replace("locks/derive.lock", msgspec.json.encode(dead))
    time.sleep(OVER)
    arguments = [uri, msgspec.json.encode(options).decode()]
    contenders = [
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", CONTENDER, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [process.stdout and process.stdout.readline() for process in contenders] == [
        "ready\n"
    ] * 4
    for process in contenders:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = sorted(process.stdout.readline() if process.stdout else "" for process in contenders)
    for process in contenders:
        process.communicate("end\n", timeout=60)
    assert [line == "won\n" for line in lines].count(True) == 1, lines
    assert sum("another run h" in line for line in lines) == 3, lines


@pytest.mark.parametrize("left", [b"not a lease", None])
def test_a_lock_taken_between_reading_and_writing_it_is_not_taken_again(
    uri: str, options: dict[str, str], left: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Store(uri, options), Store(uri, options, SHORT)
    if left:
        first.files.replace("locks/derive.lock", left)
        time.sleep(OVER)
    taken, put_if = ExitStack(), second.files.put_if  # type: ignore[attr-defined]

    def late(*args: object) -> object:
        quick = Store(uri, options, SHORT)
        taken.enter_context(quick.lock("derive"))
        return put_if(*args)

    monkeypatch.setattr(second.files, "put_if", late)
    with taken, pytest.raises(LockedError, match=r"another run has just taken s3:.*process"):
        second.lock("derive").__enter__()


@pytest.mark.usefixtures("hung")
def test_a_run_that_lost_its_lock_mails_nothing_and_releases_nothing(
    uri: str, options: dict[str, str]
) -> None:
    first, second = Store(uri, options, SHORT), Store(uri, options)
    first.publish_report(DAY, {"mail.eml": MESSAGE, "summary.json": b'{"day": "x"}'})
    # A server that cannot be reached: asking it would be another error.
    mail = Mail(to=("a@example.com",), host="127.0.0.1", port=1, security="none")
    job = Job(
        store=first,
        settings=Settings(mail=mail),
        find_key=lambda *_: Secret(""),
        now=lambda: datetime(2026, 10, 21, tzinfo=UTC),
    )
    with first.lock("derive"):
        time.sleep(OVER)
        first.confirm_locks()  # expired, but not taken by another run
        time.sleep(OVER)
        with second.lock("derive"):
            with pytest.raises(LockedError, match="so it mails nothing: another run has taken s3:"):
                send(job, DAY)
            first.files._leases[0].release()  # type: ignore[attr-defined]
            second.confirm_locks()


@pytest.mark.usefixtures("hung")
def test_a_renewal_whose_response_was_lost_is_not_taken_for_another_run(
    uri: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = obstore.put

    def put_twice(*args: object, **named: object) -> object:
        put(*args, **named)
        return put(*args, **named)

    monkeypatch.setattr(obstore, "put", put_twice)
    store = Store(uri, options)
    for _ in range(2):
        with store.lock("derive"):
            store.confirm_locks()
            store.confirm_locks()


def test_a_lock_that_is_not_readable_expires_too(uri: str, options: dict[str, str]) -> None:
    store = Store(uri, options, SHORT)
    store.files.replace("locks/derive.lock", b"not a lease")
    with pytest.raises(LockedError, match="unknown host"):
        store.lock("derive").__enter__()
    time.sleep(OVER)
    with store.lock("derive"):
        pass


def test_a_missing_bucket_is_not_reported_as_a_held_lock(options: dict[str, str]) -> None:
    with pytest.raises(StorageError, match="NoSuchBucket"):
        Store("s3://no-such-bucket/x", options).lock("derive").__enter__()
