"""The same store in a bucket, over a real S3 wire."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
import requests

from pipeline.errors import AlreadyStoredError, DamageError, Exit, SettingsError, StorageError
from pipeline.model import RunRecord
from pipeline.store import Store
from pipeline.store.check import check

moto_server = pytest.importorskip("moto.server")
pytest.importorskip("obstore")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)
BUCKETS = count()


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, str]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": "of no interest",
    }
    server.stop()


@pytest.fixture
def uri(options: dict[str, str]) -> str:
    bucket = f"bucket-{next(BUCKETS)}"
    answer = requests.put(f"{options['AWS_ENDPOINT_URL']}/{bucket}", timeout=10)
    assert answer.ok
    return f"s3://{bucket}/some/prefix"


@pytest.fixture
def store(uri: str, options: dict[str, str]) -> Store:
    return Store(uri, options)


def test_a_bucket_keeps_everything_a_folder_keeps(
    store: Store, uri: str, snapshot: MakeSnapshot, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    ref = store.publish_snapshot(snapshot(rows=4))
    assert store.snapshots() == store.snapshots("default", DAY, DAY) == [ref]
    assert store.snapshots(first=DAY + timedelta(1)) == []
    assert store.read_snapshot(ref).table.num_rows == store.certificate(ref).unique_ids == 4
    store.publish_ledger_day("default", DAY, "aaaa", ledger_day(rows=2))
    store.publish_ledger_day("default", DAY, "bbbb", ledger_day(rows=3))
    assert [day.digest for day in store.ledger_days()] == ["bbbb"]
    assert len(store.read_ledger(DAY, DAY)) == 3
    assert store.publish_report(DAY, {"a.csv": b"1", "b.csv": b"2"}) == f"{uri}/reports/{DAY}"
    store.publish_report(DAY, {"a.csv": b"3"})
    assert store.read_report(DAY) == {"a.csv": b"3"}
    assert store.files.read_pointer("reports/latest") == "2026-10-20"
    for _ in range(2):
        store.record_run(RunRecord(command="x", started_at=NOON, finished_at=NOON, exit_code=0))
    assert len(store.runs(9)) == 2
    assert store.get_state("s") is None
    store.put_state("s", b"x")
    assert store.get_state("s") == b"x"
    with store.lock("nightly"):
        pass
    assert store.sweep() == 0
    checked = check(store.files, read_data=True)
    assert (checked.problems, checked.exit_code) == ((), Exit.DONE)


def test_one_of_many_writers_of_a_name_wins_and_the_others_get_an_error(
    store: Store, snapshot: MakeSnapshot
) -> None:
    taken = snapshot()

    def publish(_: int) -> bool:
        try:
            store.publish_snapshot(taken)
        except AlreadyStoredError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(publish, range(16)))
    assert sum(won) == 1
    assert len(store.snapshots()) == 1


def test_a_put_whose_response_was_lost_is_not_taken_for_another_writers(
    store: Store, monkeypatch: pytest.MonkeyPatch, snapshot: MakeSnapshot
) -> None:
    import obstore  # noqa: PLC0415

    put = obstore.put

    def put_twice(*args: object, **named: object) -> None:
        put(*args, **named)  # type: ignore[arg-type]
        put(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "put", put_twice)
    assert store.publish_snapshot(snapshot()) in store.snapshots()


def test_damage_in_a_bucket_is_found_and_named(store: Store, snapshot: MakeSnapshot) -> None:
    ref = store.publish_snapshot(snapshot())
    data = bytearray(store.files.read(ref.key))
    data[100] ^= 1
    store.files.replace(ref.key, bytes(data))
    with pytest.raises(DamageError, match="s3://bucket"):
        store.read_snapshot(ref)
    assert [problem.key for problem in check(store.files, read_data=True).problems] == [ref.key]


def test_a_refusal_is_one_line_with_the_remedy(options: dict[str, str]) -> None:
    with pytest.raises(StorageError, match=r"writing s3://no-such-bucket/x/state/s: .*AWS_") as e:
        Store("s3://no-such-bucket/x", options).put_state("s", b"x")
    assert "\n" not in str(e.value)
    assert "a-secret" not in str(e.value)


def test_a_bucket_without_a_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        Store("s3://")


def test_a_refusal_has_the_services_own_words(options: dict[str, str]) -> None:
    with pytest.raises(StorageError) as refused:
        Store("s3://no-such-bucket/x", options).is_empty()
    assert "NoSuchBucket: The specified bucket does not exist; check" in str(refused.value)
    assert "<" not in str(refused.value)


@pytest.mark.parametrize("name", ["a" * 56, "A", "0", "a..b", "a.", "a-_.Z9"])
def test_every_valid_account_name_can_be_part_of_a_key(
    store: Store, snapshot: MakeSnapshot, ledger_day: Callable[..., pd.DataFrame], name: str
) -> None:
    ref = store.publish_snapshot(snapshot(account=name))
    assert store.read_snapshot(ref).certificate.account == name
    store.publish_ledger_day(name, DAY, "abcd", ledger_day())
    assert store.accounts() == [name]
    assert set(store.read_ledger(DAY, DAY)["account"].astype(str)) == {name}
    store.put_state(f"resume-{name}", b"1")
    assert store.get_state(f"resume-{name}") == b"1"
    with store.lock(f"extract-{name}"):
        pass
