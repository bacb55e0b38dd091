from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pandas as pd

from pipeline.report.sections import off_hours_week
from tests.report.factories.clusters import DAY
from tests.report.factories.results import normal
from tests.report.reading import plain
from tests.transform.conftest import make_ledger, make_row

if TYPE_CHECKING:
    from pipeline.report.model import Chart

ALL = (1 << 24) - 1
OFFICE = ((1 << 18) - 1) - ((1 << 9) - 1)
KEY = ("default", "c1")


def week(action: str = "schedule", *, unseen: int = 0) -> Chart:
    """Of an office: busy from Monday to Friday; at midnight of Sundays nothing was read."""
    assert DAY.weekday() == 6  # its weeks are calendar weeks
    days = [DAY - timedelta(days=ago) for ago in range(35)]
    ledger = make_ledger(*(row(day, unseen if day.weekday() == 6 else 0) for day in days))
    findings = pd.DataFrame(
        [{"account": "default", "cluster_id": "c1", "rule_id": "off_hours", "action": action}]
    )

    inputs = replace(normal(), ledger=ledger)
    return off_hours_week.weeks(inputs, findings)[KEY]


def row(day: date, unseen: int) -> dict[str, object]:
    is_old = day <= DAY - timedelta(weeks=4)
    busy = ALL if is_old else OFFICE if day.weekday() < 5 else 0
    return make_row(str(day), hours_observed=ALL & ~unseen, hours_busy=busy)


def test_the_proposal_is_when_to_switch_off_and_on() -> None:
    assert plain(week().summary).startswith(
        "Proposed: off Mon to Thu from 18:00 to 09:00 the next day, and from Fri 18:00 to Mon "
        "09:00 (UTC), 123 of the 168 hours of the week, and on otherwise."
    )


def test_weak_evidence_proposes_nothing() -> None:
    assert "Proposed" not in week("review").summary
    assert "the evidence is too weak" in week("review").summary


def test_an_hour_that_was_never_seen_is_drawn_and_described_as_such_and_stays_on() -> None:
    usual, less = week(), week(unseen=1)
    assert "never seen, and count" not in usual.summary
    assert plain(less.summary).endswith("1 hour was never seen, and counts as on.")
    label = ET.fromstring(less.svg).attrib["aria-label"]  # noqa: S314  # ours
    assert "Sun: never seen 0 to 1, quiet 1 to 24" in label
    assert "from Fri 18:00 to Sun 00:00, and from Sun 01:00 to Mon 09:00" in label
    # One more stroke across a cell than the legend has.
    assert less.svg.count("l8-8") == usual.svg.count("l8-8") + 1


def test_the_picture_is_small_and_has_no_colour_of_its_own() -> None:
    svg = week().svg
    assert len(svg) < 4_000
    assert "#" not in svg
