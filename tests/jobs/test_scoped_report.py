"""Reports of a month, a day and an account: exact sums, and nothing of the nights is touched."""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from pipeline.errors import Exit, SettingsError, StorageError
from pipeline.jobs import Job
from pipeline.jobs.check import check
from pipeline.jobs.extract import extract
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.jobs.scoped_report import Asked, make_scoped_report
from pipeline.keys import Secret
from pipeline.report.text.numbers import Money
from pipeline.settings import Account, Api, Budget, Rules, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store

if TYPE_CHECKING:
    from pipeline.jobs.report import StoredReport

START = datetime(2026, 2, 23, tzinfo=UTC)
DAYS = 12
LAST = date(2026, 3, 6)
MARCH = (date(2026, 3, 1), LAST)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two accounts, a snapshot every twelve hours over HTTP, one nightly report."""
    clock = Clock(START, step_seconds=1)
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(
                serve(make_app(Fleet(seed, 15, START, DAYS + 2), clock, keys=("k",)))
            )
            for seed, name in ((3, "lab"), (5, "prod"))
        }
        settings = Settings(
            api=Api(url=urls["lab"]),
            accounts={name: Account(url=url) for name, url in urls.items()},
            budgets={"all": Budget(amount=100)},
        )
        folder = tmp_path_factory.mktemp("scoped") / "data"
        made = Job(Store(str(folder)), settings, lambda _name, _account: Secret("k"), clock.now)
        for number in range(DAYS * 2 + 1):
            clock.set(START + timedelta(hours=12 * number))
            extract(made, "lab")
            extract(made, "prod")
    update_ledger(made)
    make_report(made)
    return made


@pytest.fixture(scope="module")
def march(job: Job) -> StoredReport:
    return make_scoped_report(job, Asked(period="2026-03"))


def spent(job: Job, first: date, last: date) -> int:
    return int(job.store.read_ledger(first, last)["spend_micros"].sum())


def rows(job: Job, report: StoredReport, name: str) -> list[dict[str, str]]:
    key = report.folder.partition("/reports/")[2]
    text = job.store.files.read(f"reports/{key}/{name}").decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_months_headline_is_the_sum_of_its_rows_and_of_the_ledger(
    job: Job, march: StoredReport
) -> None:
    view, total = march.view, spent(job, *MARCH)
    assert view.totals.spend_micros == total > 0
    shown = Money("USD").exact(total)
    assert f": {shown} spent" in view.title
    assert view.spend.by_day.totals[0][-1] == shown
    days = [Decimal(row[-1].lstrip("$").replace(",", "")) for row in view.spend.by_day.rows]
    assert len(days) == 6
    assert abs(sum(days) * 1_000_000 - total) <= len(days) * 5_000
    cells = [Decimal(row["spend"] or 0) for row in rows(job, march, "spend.csv")]
    assert sum(cells) * 1_000_000 == total


def test_a_month_that_is_not_over_names_the_days_without_data(
    job: Job, march: StoredReport
) -> None:
    period = march.view.numbers.period
    assert period is not None
    assert [(run.first, run.last) for run in period.missing] == [
        (date(2026, 3, 7), date(2026, 3, 31))
    ]
    assert march.view.title.startswith("March\N{NO-BREAK SPACE}2026 (6 of 31")
    assert any("no data of 7 to 31 Mar 2026" in message for message in job.messages)
    assert Exit.WARNINGS in job.codes
    # February begins before the first snapshot, so March cannot be compared with it.
    assert period.before_micros is None
    assert [(run.first, run.last) for run in period.not_compared] == [
        (date(2026, 2, 1), date(2026, 2, 6))
    ]
    assert march.view.numbers.bridge is None


def test_a_period_is_compared_with_one_that_was_observed_as_well(job: Job) -> None:
    day = date(2026, 3, 1)
    view = make_scoped_report(job, Asked(period=f"{day}")).view
    period, bridge = view.numbers.period, view.numbers.bridge
    assert period is not None
    assert bridge is not None
    before = spent(job, date(2026, 2, 28), date(2026, 2, 28))
    assert period.before_micros == before
    assert bridge.difference_micros == spent(job, day, day) - before
    assert view.totals.spend_micros == spent(job, day, day)


@pytest.mark.parametrize("period", ["2026-03", None])
def test_the_reports_of_the_accounts_add_up_to_that_of_all(job: Job, period: str | None) -> None:
    day = LAST if period is None else None
    every = (
        make_report(job, LAST) if day else make_scoped_report(job, Asked(period=period))
    ).view.totals
    of_each = [
        make_scoped_report(job, Asked(period=period, account=name, day=day)).view.totals
        for name in ("lab", "prod")
    ]
    for name in (
        "spend_micros", "low_micros", "high_micros", "metered_micros", "waste_micros",
        "unproven_micros", "saving_suspected_micros", "clusters", "judged", "with_findings",
        "day_micros", "month_micros",
    ):  # fmt: skip
        parts = [getattr(totals, name) for totals in of_each]
        assert sum(parts) == getattr(every, name), name
        assert all(parts) or name in ("waste_micros", "unproven_micros", "saving_suspected_micros")


def test_nothing_of_the_nights_is_touched(job: Job) -> None:
    store = job.store
    budgets = store.get_state("budgets")
    night = store.read_report(LAST)
    folder = make_scoped_report(job, Asked(period="month")).folder
    assert folder.endswith("/reports/periods/2026-03-to-06")
    folder = make_scoped_report(job, Asked(account="lab", window="7d")).folder
    assert folder.endswith("/reports/accounts/lab/2026-03-06-7d")
    assert store.report_days() == [LAST]
    assert store.files.read_pointer("reports/latest") == f"{LAST}"
    assert store.read_report(LAST) == night
    assert store.get_state("budgets") == budgets
    assert check(job, read_data=True).problems == ()


@pytest.mark.usefixtures("march")
def test_a_scoped_report_that_is_damaged_or_stale_is_named_by_check(job: Job) -> None:
    key = "reports/periods/2026-03/spend.csv"
    good = job.store.files.read(key)
    job.store.files.replace(key, good + b"x")
    assert [problem.key for problem in check(job).problems] == [key]
    job.store.files.replace(key, good)
    digest = job.store.findings_digests()[LAST]
    findings = f"findings/date={LAST}/{digest}.parquet"
    kept = job.store.files.read(findings)
    job.store.files.delete(findings)
    [problem] = [each for each in check(job).problems if "--period" in each.message]
    assert problem.key in job.store.scoped_reports()
    job.store.files.replace(findings, kept)
    assert check(job).problems == ()


def test_a_month_report_applies_the_settings_of_its_time(job: Job) -> None:
    before = job.store.get_state("policies")
    changed = structs.replace(job.settings, rules=Rules(idle_window_days=7))
    make_scoped_report(replace(job, settings=changed), Asked(period="2026-02"))
    assert job.store.get_state("policies") == before


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (Asked(period="2026-04"), StorageError, "no closed day from 2026-04-01 to 2026-04-30"),
        (Asked(account="lob"), SettingsError, "known: lab, prod"),
        (Asked(account="lab", day=date(2026, 3, 9)), SettingsError, "not closed"),
    ],
)
def test_what_cannot_be_reported_is_refused(
    job: Job, asked: Asked, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make_scoped_report(job, asked)
