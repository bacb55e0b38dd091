"""The records of runs, and the state between runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import DamageError
from pipeline.model import RunRecord

if TYPE_CHECKING:
    from pipeline.store import Store

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_runs_are_listed_newest_first_even_within_a_second(store: Store) -> None:
    for code in (0, 3, 11):
        store.record_run(
            RunRecord(command="nightly", started_at=NOON, finished_at=NOON, exit_code=code)
        )
    early = NOON - timedelta(hours=1)
    store.record_run(RunRecord(command="extract", started_at=early, finished_at=NOON, exit_code=0))
    assert [run.exit_code for run in store.runs(3)] == [11, 3, 0]
    assert len(store.runs(99)) == 4


def test_state_is_kept_under_its_name(store: Store) -> None:
    assert store.get_state("mails.json") is None
    store.put_state("mails.json", b'{"a": 1}\n')
    store.put_state("mails.json", b"\x00binary\n\n")
    assert store.get_state("mails.json") == b"\x00binary\n\n"


@pytest.mark.parametrize("content", [b"not json", b'{"day": 1}', b"[1, 2]"])
def test_state_of_another_kind_is_damage_that_names_the_file(store: Store, content: bytes) -> None:
    store.put_state("policies", content)
    with pytest.raises(DamageError, match=r"state/policies: it cannot be read"):
        store.read_state("policies", list[str])


def test_state_that_was_never_kept_is_none(store: Store) -> None:
    assert store.read_state("policies", list[str]) is None
