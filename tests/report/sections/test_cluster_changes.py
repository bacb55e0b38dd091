from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.sections import cluster_changes
from tests.report.factories import analyses
from tests.report.factories.results import full
from tests.report.reading import plain, section_of, table

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_changed_clusters_are_a_table_of_the_page_alone(views: dict[str, ReportView]) -> None:
    changed = table(section_of(views["full"], "since"), "Clusters that changed")
    assert plain(changed.caption) == "Clusters that changed since 21 Nov"
    assert [row[2:] for row in changed.rows] == [
        ("failed", "running", "team-a", "$20.00", "$5.00"),
        ("stopped", "running", "stopped", "$20.00", "$5.00"),
    ]
    assert views["full"].numbers.status_changes == {"failed": 1, "stopped": 1}


def test_changes_beyond_fifty_are_left_to_the_csv_file() -> None:
    many = pd.concat([analyses.status_changes("a")] * 30, ignore_index=True)
    (shown,) = cluster_changes.tables(replace(full(), status_changes=many))
    assert len(shown.rows) == 50
    assert shown.totals == (("10 more in changes.csv", "", "", "", "", "", ""),)


def test_without_changes_there_is_neither_table_nor_sentence() -> None:
    none = analyses.status_changes("a").iloc[:0]
    assert cluster_changes.tables(replace(full(), status_changes=none)) == ()
    assert cluster_changes.sentences(none) == cluster_changes.sentences(None) == ()
    assert cluster_changes.numbers(none) == {}
    assert cluster_changes.numbers(None) is None
