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
    # The month began a day before the ledger.
    assert ran.code == 3
    assert ran.err.endswith("; --from 2026-03-02 leaves out what is before them\n")
    ran = history("reconcile", "--live", "--from", "2026-03-02", "--json", url=api.url)
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
    assert "billed on 1 day: 5.00 USD; matched 5.00, unobserved 0.00\n" in ran.out
    assert "\nresidual above 0: 0.00 was billed and is in no snapshot\n" in ran.out
    assert "of the ledger was not billed\n" in ran.out
    assert "\noutside the bounds of spend: the bill on 1 of 1 day observed in full\n" in ran.out
    assert ran.out.endswith("not compared, since the ledger has clusters only: storage 142.37\n")


def test_billed_days_outside_the_ledger_are_named_with_their_sum(
    history: Run, tmp_path: Path
) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text("date,amount\n2026-01-01,1.5\n2026-03-02,5\n2026-03-03,1\n2030-01-01,500000\n"
                    "2030-01-02,0\n")  # fmt: skip
    ran = history("reconcile", "--billing", str(bill))
    assert ran.code == 3
    [line] = ran.err.splitlines()
    assert "billed and not compared: 500,001.50 USD on 2 days (2026-01-01, 2030-01-01)" in line
    assert "the closed days of account default are 2026-03-02 to 2026-03-03" in line
    assert line.endswith("give the bill again once later days are closed")
    result = json.loads(history("reconcile", "--billing", str(bill), "--json").out)
    assert result["left_out"] == {
        "days": [
            {"date": "2026-01-01", "billed_micros": 1_500_000},
            {"date": "2030-01-01", "billed_micros": 500_000_000_000},
        ],
        "billed_micros": 500_001_500_000,
    }
    total = result["total"]
    both = total["residual_above_micros"] + total["residual_below_micros"]
    assert both == total["residual_micros"]
    # Days that were not asked for are not missed.
    asked = history("reconcile", "--billing", str(bill), "--from", "2026-03-02", "--to",
                    "2026-03-03")  # fmt: skip
    assert (asked.code, asked.err) == (0, "")


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
