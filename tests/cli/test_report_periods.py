"""`report --period` and `--account`: what is refused, with which code, and where the files go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--period", "2026-03", "--window", "7d"), 2, "give --period or --window, not both"),
        (("--period", "2026-03", "--date", "2026-03-02"), 2, "give --period or --date, not both"),
        (("--period", "2026-3"), 2, "'2026-3' is no period: give a month (2026-05), a day"),
        (("--period", "2026-02-30"), 2, "is no period"),
        (("--account", "lab"), 2, "--account 'lab': there is no such account; known: default"),
        (
            ("--period", "2026-02"),
            12,
            "from 2026-02-01 to 2026-02-28: the closed days are 2026-03-02 to 2026-03-03",
        ),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    history: Run, args: tuple[str, ...], code: int, words: str
) -> None:
    ran = history("report", *args)
    assert (ran.code, ran.out) == (code, "")
    [line] = ran.err.splitlines()
    assert words in line


def test_a_period_of_an_empty_store_is_no_data(run: Run) -> None:
    assert run("report", "--period", "month").code == 12


def test_a_month_names_its_missing_days_and_is_never_the_nightly_report(
    history: Run, data: Path
) -> None:
    ran = history("report", "--period", "2026-03", "--json")
    assert ran.code == 3
    result = json.loads(ran.out)
    assert result["folder"] == str(data / "reports/periods/2026-03")
    assert result["period"]["days_known"] == 2
    assert result["messages"] == [
        "March 2026 (2 of 31 days): no data of 1 Mar 2026, 4 to 31 Mar 2026"
    ]
    assert history("report", "--period", "2026-03-03", "--account", "default").code == 0
    assert (data / "reports/accounts/default/2026-03-03/report.html").is_file()
    # Neither sent, nor listed, nor pointed to.
    assert not (data / "reports/latest").exists()
    ran = history("send")
    assert (ran.code, "no report to send yet" in ran.err) == (2, True)
    assert history("check").code == 0
