from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.sections import cluster_changes
from tests.report.factories import analyses
from tests.report.factories.results import full
from tests.report.reading import plain, section_of

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_changed_clusters_are_a_table_of_the_page_alone(views: dict[str, ReportView]) -> None:
    section = section_of(views["full"], "changes")
    assert plain(section.title) == "Clusters that changed since 21 Nov"
    assert section.sentences == ()
    assert [row[2:] for row in section.tables[0].rows] == [
        ("failed", "running", "team-a", "$20.00", "$5.00"),
        ("stopped", "running", "stopped", "$20.00", "$5.00"),
    ]
    assert views["full"].numbers.status_changes == {"failed": 1, "stopped": 1}


def test_changes_beyond_fifty_are_left_to_the_csv_file(views: dict[str, ReportView]) -> None:
    many = pd.concat([analyses.status_changes("a")] * 30, ignore_index=True)
    section = cluster_changes.section(replace(full(), status_changes=many), views["full"].totals)
    assert section is not None
    (table,) = section.tables
    assert len(table.rows) == 50
    assert table.totals == (("10 more in changes.csv", "", "", "", "", "", ""),)


def test_without_changes_there_is_neither_table_nor_sentence(views: dict[str, ReportView]) -> None:
    none = analyses.status_changes("a").iloc[:0]
    inputs = replace(full(), status_changes=none)
    assert cluster_changes.section(inputs, views["full"].totals) is None
    assert cluster_changes.sentences(none) == cluster_changes.sentences(None) == ()
    assert cluster_changes.numbers(none) == {}
    assert cluster_changes.numbers(None) is None
