from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.report.view import build
from tests.report.factories.results import full, normal
from tests.report.reading import section_of, sentences, table

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.inputs import ReportInputs


def with_owners(**owners: str) -> ReportInputs:
    """``normal`` with the owners of some projects."""

    def owned(rows: pd.DataFrame) -> pd.DataFrame:
        projects = rows["project_id"].astype("object")
        return rows.assign(owner=projects.map(owners).where(projects.notna(), None))

    inputs = normal()
    return replace(
        inputs, ledger=owned(inputs.ledger), findings=owned(inputs.findings), has_owners=True
    )


def test_owners_and_clusters_without_one_add_up_to_the_report() -> None:
    view = build(with_owners(llm="Ana", vision="Ben"))
    section = section_of(view, "owners")
    assert sentences(section) == ["2 owners; 3 clusters that cost $1,620 have no owner."]
    rows = table(section, "By owner")
    assert [row[:3] for row in rows.rows] == [
        ("Ana", "2", "$16,464.00"),
        ("Ben", "2", "$5,208.00"),
        ("no owner", "3", "$1,620.00"),
    ]
    assert rows.totals[0][:3] == ("All", "7", "$23,292.00")
    assert sum(owner.findings for owner in view.numbers.owners or ()) == view.totals.with_findings
    all_owned = build(with_owners(llm="Ana", vision="Ana", search="Ana"))
    assert sentences(section_of(all_owned, "owners"))[0].startswith("1 owner; 1 cluster that cost")


def test_an_owners_report_says_whose_it_is() -> None:
    headline = build(replace(full(), owner="Ana <script>")).headline
    assert headline.kicker.endswith("only clusters of Ana <script>")
    assert headline.subject.startswith("Ana <script>: $7,900 ")
    assert "owns" not in headline.kicker
