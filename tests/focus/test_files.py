"""The FOCUS file: CSV and Parquet are the same rows, and a consumer's sums are the ledger's."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from pipeline.errors import Exit, SettingsError
from pipeline.focus import csv_lines
from pipeline.focus.columns import AMOUNT, table_of
from pipeline.jobs.focus import export
from pipeline.settings import Account, Settings
from tests.focus.conftest import DAYS, START, exported

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.jobs import Job

FOCUS_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.timestamp("us", "UTC"): "TIMESTAMPTZ",
}
"""The column types of the specification (String, Date/Time, Decimal) in DuckDB's words."""


def ledger_total(job: Job) -> Decimal:
    days = job.store.read_ledger(date(2026, 2, 25), date(2026, 3, 31))
    return Decimal(int(days["spend_micros"].sum())) / 1_000_000


@pytest.fixture(scope="session", params=["parquet", "csv"])
def consumer(
    request: pytest.FixtureRequest, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    """The file, loaded into a table with the types that FOCUS publishes."""
    path = tmp_path_factory.mktemp("consumer") / f"focus.{request.param}"
    path.write_bytes(exported(job, request.param))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    columns = ", ".join(
        f'"{field.name}" {FOCUS_TYPES.get(field.type, "DECIMAL(38, 12)")}'
        for field in table_of("1.2").arrow
    )
    connection.execute(f"CREATE TABLE costs ({columns})")
    source = f"read_{request.param}('{path}'{', all_varchar = true' * (request.param == 'csv')})"
    connection.execute(f"INSERT INTO costs BY NAME SELECT * FROM {source}")  # noqa: S608 - our own path
    return connection


def test_a_consumers_total_is_the_ledgers_to_the_last_digit(
    consumer: duckdb.DuckDBPyConnection, job: Job
) -> None:
    [(total,)] = consumer.execute("SELECT sum(BilledCost) FROM costs").fetchall()
    assert total == ledger_total(job) > 0


def test_a_months_cost_by_service_is_found_by_its_billing_period(
    consumer: duckdb.DuckDBPyConnection, job: Job
) -> None:
    months = consumer.execute(
        "SELECT strftime(BillingPeriodStart, '%Y-%m'), ServiceCategory, ServiceName,"
        " BillingCurrency, sum(EffectiveCost), sum(ListCost - ContractedCost)"
        " FROM costs WHERE BillingPeriodStart >= '2026-02-01' AND BillingPeriodEnd <= '2026-04-01'"
        " AND ChargePeriodStart >= BillingPeriodStart AND ChargePeriodEnd <= BillingPeriodEnd"
        " GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert [row[:4] for row in months] == [
        (month, category, name, "EUR")
        for month in ("2026-02", "2026-03")
        for category, name in (
            ("Compute", "TensorOne GPU Clusters"),
            ("Storage", "TensorOne Storage"),
        )
    ]
    assert sum(row[4] for row in months) == ledger_total(job)
    assert {row[5] for row in months} == {0}


def test_no_charge_is_listed_twice(consumer: duckdb.DuckDBPyConnection) -> None:
    key = ", ".join(table_of("1.2").key)
    query = f"SELECT count(*), count(DISTINCT ({key})) FROM costs"  # noqa: S608 - our own columns
    [(rows, keys)] = consumer.execute(query).fetchall()
    assert rows == keys > DAYS


def test_the_price_of_a_gpu_hour_and_the_idle_share_follow(
    consumer: duckdb.DuckDBPyConnection,
) -> None:
    rows = consumer.execute(
        "SELECT json_extract_string(SkuPriceDetails, '$.x_GpuType') AS gpu,"
        " sum(EffectiveCost) / sum(ConsumedQuantity), sum(x_IdleSeconds)"
        " FROM costs WHERE ConsumedUnit = 'GPU-Hours' AND ConsumedQuantity > 0 GROUP BY gpu"
    ).fetchall()
    assert rows
    assert all(0.1 < price < 10 for _, price, _ in rows)


def test_both_formats_hold_the_same_rows(job: Job) -> None:
    table = pq.read_table(io.BytesIO(exported(job, "parquet")))
    text = exported(job, "csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == table.num_rows
    for field in table.schema:
        cells = [row[field.name] or None for row in rows]
        values = table[field.name].to_pylist()
        if pa.types.is_decimal(field.type):
            assert [None if c is None else Decimal(c) for c in cells] == values
            assert all(c is None or re.fullmatch(r"-?\d+\.\d+", c) for c in cells)
        elif pa.types.is_timestamp(field.type):
            assert cells == [f"{v:%Y-%m-%dT%H:%M:%SZ}" for v in values]
        else:
            assert cells == [None if v is None else str(v) for v in values]


def test_a_parquet_file_names_the_version_it_has(job: Job) -> None:
    file = pq.ParquetFile(io.BytesIO(exported(job, "parquet", "1.4")))
    assert file.metadata.metadata[b"FocusVersion"] == b"1.4"
    assert file.schema_arrow.field("BilledCost").type == AMOUNT


@pytest.mark.parametrize("text", ['a "b", c', "two\r\nlines", "=1+1", "plain", "entraînement"])
def test_csv_changes_no_text(text: str) -> None:
    table = pa.table({"ResourceName": [text, None], "Region": ["x", "y"]})
    written = csv_lines.header(table.schema) + csv_lines.lines(table)
    rows = list(csv.reader(io.StringIO(written.decode(), newline="")))
    assert rows == [["ResourceName", "Region"], [text, "x"], ["", "y"]]


def test_csv_has_no_exponents() -> None:
    values = [Decimal(0), Decimal("-0.0000000001"), Decimal(7), None]
    table = pa.table({"c": pa.array(values, pa.decimal128(38, 12))})
    assert csv_lines.lines(table).split(b"\r\n") == [
        b"0.000000000000", b"-0.000000000100", b"7.000000000000", b"", b"",
    ]  # fmt: skip


def test_without_a_start_it_begins_with_the_last_days_month(job: Job) -> None:
    made = export(job, "1.2", None, None)
    assert (made.first, made.last) == (date(2026, 3, 1), date(2026, 3, 4))
    assert (START.date(), DAYS) == (date(2026, 2, 25), 8)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), "currency and accounts.default.billing_account_id"),
        (Settings(stated_currency="USD"), "do not have accounts.default.billing_account_id,"),
        (Settings(accounts={"default": Account(billing_account_id="x")}), "do not have currency,"),
    ],
)
def test_a_missing_setting_is_named(job: Job, settings: Settings, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        export(_with(job, settings), "1.2", None, None)


def test_days_that_are_not_closed_are_refused(job: Job) -> None:
    with pytest.raises(
        SettingsError, match="closed days of the ledger are 2026-02-25 to 2026-03-04"
    ):
        export(job, "1.2", date(2026, 3, 1), date(2026, 3, 9))


def test_owners_and_names_of_accounts_are_in_the_rows(job: Job, tmp_path: Path) -> None:
    owners = tmp_path / "owners.toml"
    owners.write_text('[[owner]]\nmatch = "*"\nowner = "ana"\n')
    table = pq.read_table(
        io.BytesIO(
            exported(_with(job, structs.replace(job.settings, owners_file=str(owners))), "parquet")
        )
    )
    assert all('"owner":"ana"' in tags for tags in table["Tags"].to_pylist())
    assert set(table["BillingAccountName"].to_pylist()) == {"default"}


def test_clusters_without_a_price_are_noted(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    known = job.store.read_ledger(date(2026, 3, 4), date(2026, 3, 4))
    unpriced = known.assign(spend_micros=known["spend_micros"].mask(known.index == 0))
    made = export(_with(job, job.settings), "1.2", date(2026, 3, 4), None)
    monkeypatch.setattr(type(job.store), "read_ledger", lambda *_args, **_options: unpriced)
    made.write(io.BytesIO(), "csv")
    assert made.unpriced_rows == 1
    assert made.job.exit_code is Exit.WARNINGS
    assert "cluster-days without a price: 1; their BilledCost is 0" in made.job.messages[0]


def _with(job: Job, settings: Settings) -> Job:
    return type(job)(job.store, settings, job.find_key, job.now)
