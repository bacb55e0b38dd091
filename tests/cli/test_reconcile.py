"""`reconcile`: the table, the JSON, and one line for each thing that is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Api, Run


def test_a_live_bill_is_compared_day_by_day(history: Run, api: Api) -> None:
    ran = history("reconcile", "--live", "--json", url=api.url)
    assert (ran.code, ran.err) == (0, "")
    result = json.loads(ran.out)
    assert [day["date"][:10] for day in result["days"]] == ["2026-03-02", "2026-03-03"]
    total = result["total"]
    parts = (total[f"{part}_micros"] for part in ("spend", "unobserved", "residual"))
    assert total["billed_micros"] == sum(parts) > 0


def test_a_table_ends_with_the_sums_and_what_was_not_compared(history: Run, tmp_path: Path) -> None:
    bill = tmp_path / "bill.json"
    clusters = {"resourceType": "clusters", "timeSeries": [{"timestamp": "2026-03-02", "cost": 5}]}
    storage = {"resourceType": "storage", "usage": {"cost": 142.37}}
    bill.write_text(json.dumps({"breakdown": [clusters, storage]}))
    ran = history("reconcile", "--billing", str(bill))
    assert (ran.code, ran.err) == (0, "")
    assert "billed on 1 day: 5.00 USD; matched 5.00, unobserved 0.00, residual -" in ran.out
    assert ran.out.endswith("not compared, since the ledger has clusters only: storage 142.37\n")


@pytest.mark.parametrize(
    ("args", "text", "code", "words"),
    [
        ((), None, 2, "give one of --billing FILE, --live"),
        (("--live", "--billing", "b.csv"), None, 2, "give one of --billing FILE, --live"),
        (("--billing", "{}"), None, 2, "bill.csv: No such file or directory; give a readable file"),
        (("--billing", "{}"), "a,b\n1,2\n", 2, "no column date and no column amount"),
        (("--billing", "{}"), "date,amount\n2026-01-01,1\n", 12, "is a closed day of account"),
        (
            ("--billing", "{}"), "date,amount,currency\n2026-03-02,1,EUR\n", 2,
            "the bill is in EUR and the ledger in USD (assumed)",
        ),
        (("--live", "--account", "lab"), None, 2, "--account lab: not in the settings"),
        (("--live", "--from", "2026-03-03", "--to", "2026-03-02"), None, 2, "swap them"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_line(
    history: Run, tmp_path: Path, args: tuple[str, ...], text: str | None, code: int, words: str
) -> None:
    bill = tmp_path / "bill.csv"
    if text is not None:
        bill.write_text(text)
    ran = history("reconcile", *(arg.format(bill) for arg in args))
    assert (ran.code, ran.out) == (code, "")
    [line] = ran.err.splitlines()
    assert words in line
