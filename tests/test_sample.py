"""The sample history that ships is what its recipe makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from docs import sample
from pipeline.store import Store

if TYPE_CHECKING:
    from datetime import date

SHIPPED = Path(__file__).parent.parent / sample.FOLDER


@pytest.mark.slow
def test_the_recipe_makes_the_same_tables(tmp_path: Path) -> None:
    sample.make(tmp_path / "made")
    made, shipped = Store(str(tmp_path / "made")), Store(str(SHIPPED))
    assert [ref.key for ref in made.snapshots()] == [ref.key for ref in shipped.snapshots()]
    assert [ref.key for ref in made.ledger_days()] == [ref.key for ref in shipped.ledger_days()]
    assert made.final_days() == shipped.final_days()
    assert made.findings_digests() == shipped.findings_digests()

    def same(read: str, *args: object) -> None:
        frames = [getattr(store, read)(*args) for store in (made, shipped)]
        pd.testing.assert_frame_equal(*frames)

    same("read_snapshots", made.snapshots())
    first, last = (made.ledger_days()[place].day for place in (0, -1))
    same("read_ledger", first, last)
    days: list[date] = sorted(made.findings_digests())
    for day in (days[0], days[14], days[-1]):
        same("read_findings", day)


def test_it_is_small() -> None:
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert size < 2_100_000
