from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.sections import exclusions
from tests.report.factories import analyses
from tests.report.factories.results import full
from tests.report.reading import section_of, sentences, table

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_exclusions_say_what_they_cost_and_which_have_expired(
    views: dict[str, ReportView],
) -> None:
    section = section_of(views["full"], "exclusions")
    assert sentences(section) == [
        "1 active exclusion hides 2 findings; the most expensive one forgoes $75.00 over 30 days.",
        "1 exclusion has expired: old-* (2026-11-01).",
    ]
    assert table(section, "Exclusions").rows[1][4] == "2026-11-01 (expired)"


def test_many_expired_exclusions_are_counted(views: dict[str, ReportView]) -> None:
    expired = analyses.exclusion_costs("a").tail(1)
    many = pd.concat([expired.assign(match=f"m{n}") for n in range(5)], ignore_index=True)
    section = exclusions.section(replace(full(), exclusion_costs=many), views["full"].totals)
    assert sentences(section) == [
        "0 active exclusions.",
        (
            "5 exclusions have expired: m0 (2026-11-01), m1 (2026-11-01), m2 (2026-11-01) "
            "and 2 more."
        ),
    ]
