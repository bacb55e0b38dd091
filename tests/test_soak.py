"""The soak in its short form, and the table of its last full run."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from benchmarks import soak
from benchmarks.soak_world import Inbox, Ran, Switched, World
from pipeline.simulator.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

MOST_GROWTH = 1.2
"""Of a command's memory in a month; a report's window grows from one day to 30 in it."""


@pytest.mark.slow
def test_every_fault_once_in_two_days_breaks_no_promise(tmp_path: Path) -> None:
    result = soak.run_plan(tmp_path, soak.every_fault_once(), seed=15, clusters=60, days=2)
    assert soak.broken(result) == {}
    assert {fault.name for fault in soak.FAULTS} < {row["fault"] for row in result["rows"]}


def small_world(folder: Path) -> World:
    """A world in which no process runs."""
    return World(
        folder, "", Clock(soak.START), Switched(), Inbox(),
        random.Random(1),  # noqa: S311
    )  # fmt: skip


def test_the_soak_notices_an_exit_code_that_is_not_promised(tmp_path: Path) -> None:
    world, seen = small_world(tmp_path), soak.Seen()
    for code in (0, 3):
        ended = Ran("extract", code, "", "a line", 1.0, None)
        fault = soak.Fault("any", frozenset({0}), lambda *_, ended=ended: [ended])
        soak.step(world, soak.Run(soak.START, "extract", fault), seen)
    assert seen.not_promised == {("extract", "any"): 1}
    assert [text.partition("exit ")[2] for text in world.broken] == ["3, not {0}: a line"]


def test_the_soak_notices_a_changed_snapshot_a_lost_one_and_a_traceback(tmp_path: Path) -> None:
    world = small_world(tmp_path)
    day = tmp_path / "data/snapshots/date=2026-03-02"
    day.mkdir(parents=True)
    for name in "abc":
        (day / f"{name}.parquet").write_bytes(b"rows")
    world.remember(Ran("extract", 0, str(day / "a.parquet"), "", 1.0, None))
    assert world.broken == []
    (day / "a.parquet").write_bytes(b"rowz")
    (day / "b.parquet").unlink()
    world.remember(Ran("extract", 0, str(day / "d.parquet"), "Traceback", 1.0, None))
    assert [text.partition(" ")[0] for text in world.broken] == [
        "extract:", "a.parquet", "b.parquet", "extract",
    ]  # fmt: skip


def test_a_mail_counts_as_sent_twice_unless_its_first_sender_was_ended() -> None:
    assert Inbox([("a", True), ("a", False), ("b", False)]).sent_twice() == []
    assert Inbox([("a", False), ("a", False)]).sent_twice() == ["a"]


def test_the_table_in_the_documents_is_that_of_the_last_full_run() -> None:
    result = json.loads(soak.RESULT.read_text(encoding="utf-8"))
    page = soak.PAGE.read_text(encoding="utf-8")
    assert soak.with_table(page, result) == page, "run `make soak`"
    assert soak.broken(result) == {}
    for by_day in result["memory"].values():
        assert list(by_day.values())[-1] < MOST_GROWTH * by_day["2"]
