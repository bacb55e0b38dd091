"""`focus`: the file, its total, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import SIMULATED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

BILLED = f'currency = "USD"\n[accounts.default]\nbilling_account_id = "acct-7"\n{SIMULATED}'


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "billed.toml"
    path.write_text(BILLED)
    return str(path)


def test_it_writes_the_file_and_prints_the_total_that_spend_prints(
    history: Run, config: str, tmp_path: Path
) -> None:
    path = tmp_path / "costs.csv"
    made = history("focus", "--format", "csv", "--output", str(path), "--config", config, "--json")
    spent = json.loads(history("spend", "--json", "--config", config).out)
    result = json.loads(made.out)
    assert (made.code, made.err, result["rows"] > 25) == (0, "", True)
    assert result["billed_cost_micros"] == spent["total"]["spend_micros"] > 0
    assert (result["from"], result["to"]) == ("2026-03-02", "2026-03-03")
    assert path.read_text().startswith("BilledCost,BillingAccountId,")
    assert [file.name for file in tmp_path.glob("*costs*")] == ["costs.csv"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "the settings do not have currency and accounts.default.billing_account_id"),
        (("--from", "2026-03-03", "--to", "2026-03-02"), "--from 2026-03-03 is after --to"),
        (("--from", "2026-03-01"), "the closed days of the ledger are 2026-03-02 to 2026-03-03"),
        (("--version", "1.3"), "'1.3' is not one of"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    history: Run, args: tuple[str, ...], words: str
) -> None:
    ran = history("focus", *args)
    assert (ran.code, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert words in line


def test_a_place_that_cannot_be_written_is_named(history: Run, config: str, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "f.parquet"
    ran = history("focus", "--output", str(path), "--config", config)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"fleetledger: {path}: No such file or directory; give another file\n"
