"""The figures of headline, first actions and totals are the sums of what findings.csv has."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from pipeline.report.output.csv_files import csv_files
from pipeline.report.text.numbers import Money
from tests.report.factories.results import SETS

if TYPE_CHECKING:
    from pipeline.report.model import ReportView

GRADES = ("proven", "likely")


def open_findings(name: str) -> list[dict[str, str]]:
    text = csv_files(SETS[name]())["findings.csv"].decode()
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [row for row in rows if row["outcome"] == "FINDING" and not row["exclusion"]]


def micros(rows: list[dict[str, str]], column: str) -> int:
    return int(sum((Decimal(row[column] or 0) for row in rows), Decimal(0)) * 1_000_000)


@pytest.mark.parametrize("name", ["normal", "full", "one_cluster", "account_behind", "hostile"])
def test_savings_by_grade_are_sums_of_the_rows(views: dict[str, ReportView], name: str) -> None:
    totals, rows = views[name].totals, open_findings(name)
    for grade, total in zip(
        GRADES, (totals.saving_proven_micros, totals.saving_likely_micros), strict=True
    ):
        assert total == micros([r for r in rows if r["grade"] == grade], "counted_saving")
    assert totals.saving_suspected_micros == micros(rows, "suspected_saving")
    assert (totals.saving_micros or 0) == micros(rows, "counted_saving")


@pytest.mark.parametrize("name", ["normal", "full", "one_cluster", "account_behind"])
def test_proven_waste_is_the_largest_finding_of_each_cluster(
    views: dict[str, ReportView], name: str
) -> None:
    largest: dict[tuple[str, str], Decimal] = {}
    for row in open_findings(name):
        if row["grade"] in ("proven", ""):
            key = (row["account"], row["cluster_id"])
            waste = Decimal(row["provable_waste"] or 0)
            largest[key] = max(largest.get(key, Decimal(0)), waste)
    assert views[name].totals.waste_micros == int(sum(largest.values(), Decimal(0)) * 1_000_000)


@pytest.mark.parametrize("name", ["normal", "full"])
def test_the_actions_shown_have_the_savings_of_their_rows(
    views: dict[str, ReportView], name: str
) -> None:
    by_id = {
        row["cluster_id"]: int(Decimal(row["counted_saving"]) * 1_000_000)
        for row in open_findings(name)
        if Decimal(row["counted_saving"] or 0) > 0
    }
    shown = views[name].first.rows
    assert len(shown) == min(10, len(by_id))
    for row in shown:
        assert row.saving == Money("USD").rounded(by_id[row.cluster_id])
