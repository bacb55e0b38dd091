"""An account that falls behind the others is unknown since then: not gone, not free, not zero."""

from __future__ import annotations

import email
import email.policy
import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from msgspec import structs

from pipeline.errors import Exit
from pipeline.jobs import Job, ledger_rows
from pipeline.jobs.extract import extract
from pipeline.jobs.findings import findings_of
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.keys import Secret
from pipeline.nightly import nightly
from pipeline.rules import NO_LONGER_LISTED, NOT_OBSERVED
from pipeline.settings import Account, Api, Budget, Extract, Mail, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store
from pipeline.transform import changes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
LAST = date(2026, 3, 15)
"""The last closed day of the account that goes on."""
UNTIL = date(2026, 3, 13)
"""The last closed day of the other: its last snapshot is of the next morning, six o'clock."""

Reach = Callable[["Path"], Job]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Clock, Settings]]:
    """Two accounts, each behind an API of its own, and one clock."""
    clock = Clock(START, step_seconds=1)
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(
                serve(make_app(Fleet(seed, 25, START, DAYS + 2), clock, keys=("k",)))
            )
            for seed, name in ((3, "lab"), (5, "prod"))
        }
        accounts = {name: Account(url=url) for name, url in urls.items()}
        budgets = {"all": Budget(amount=1e6)}
        yield clock, Settings(api=Api(url=urls["lab"]), accounts=accounts, budgets=budgets)


@pytest.fixture(scope="module")
def reach(served: tuple[Clock, Settings]) -> Reach:
    """A job on the store in a folder."""
    clock, settings = served
    return lambda folder: Job(
        Store(str(folder)), settings, lambda _name, _account: Secret("k"), clock.now
    )


@pytest.fixture(scope="module")
def kept(
    served: tuple[Clock, Settings], reach: Reach, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Snapshots every six hours over HTTP; those of ``lab`` end two days before the others, and
    every day was judged when it was closed.
    """
    clock, _ = served
    folder = tmp_path_factory.mktemp("accounts") / "data"
    job = reach(folder)
    for number in range(DAYS * 4 + 1):
        now = START + timedelta(hours=6 * number)
        clock.set(now)
        extract(job, "prod")
        if now <= datetime(2026, 3, 14, 6, tzinfo=UTC):
            extract(job, "lab")
    update_ledger(job)
    findings_of(job, LAST)
    return folder


@pytest.fixture
def behind(kept: Path, tmp_path: Path, reach: Reach) -> Job:
    """A job on a copy."""
    shutil.copytree(kept, tmp_path / "data", symlinks=True)
    return reach(tmp_path / "data")


def catch_up(job: Job, clock: Clock) -> None:
    clock.set(START + timedelta(days=DAYS, hours=1))
    extract(job, "lab")
    update_ledger(job)


def of_lab(findings: pd.DataFrame) -> pd.DataFrame:
    return findings[(findings["account"] == "lab").to_numpy(bool)].set_index(
        ["cluster_id", "rule_id"]
    )


def files(job: Job) -> dict[date, bytes]:
    digests = job.store.findings_digests()
    return {
        day: job.store.files.read(f"findings/date={day}/{digest}.parquet")
        for day, digest in digests.items()
    }


def test_its_clusters_are_not_judged_and_their_findings_wait(behind: Job) -> None:
    last, current = (of_lab(findings_of(behind, day).findings) for day in (UNTIL, LAST))
    assert set(current.index) == set(last.index)
    ended = last["decided_by"].reindex(current.index) == NO_LONGER_LISTED
    assert set(current.loc[~ended, "outcome"]) == {"INSUFFICIENT_DATA"}
    assert set(current.loc[~ended, "decided_by"]) == {NOT_OBSERVED}
    assert set(current.loc[~ended, "decided_value"]) == {f'"{UNTIL}"'}

    was_open = last.index[last["state"].isin(["new", "open", "reopened"])]
    assert len(was_open) > 5
    assert set(current.loc[was_open, "state"]) == {"unjudged"}
    for name in ("found_on", "gone_on", "realised_micros", "waiting_cost_micros"):
        pd.testing.assert_series_equal(current[name], last[name].reindex(current.index))
    assert current["counted_saving_micros"].isna().all()


def test_a_report_states_nothing_about_its_missing_days(behind: Job) -> None:
    reported = make_report(behind)
    assert reported.day == LAST
    stored = behind.store.read_report(LAST)
    summary = json.loads(stored["summary.json"])
    prod = float(behind.store.read_ledger(LAST, LAST, accounts=["prod"])["spend_micros"].sum())
    assert summary["day_micros"] == prod
    assert "gone" not in summary["status_changes"]
    assert not [entry for entry in summary["anomalies"] if entry["date"] > str(UNTIL)]
    assert summary["budgets"][0]["forecast_micros"] is None
    spent = sum(
        int(behind.store.read_ledger(date(2026, 3, 1), last, accounts=[name])["spend_micros"].sum())
        for name, last in (("prod", LAST), ("lab", UNTIL))
    )
    assert summary["budgets"][0]["spent_micros"] == spent
    assert summary["forecast"]["spent_micros"] == spent
    present = pd.read_csv(behind.store.files.path(f"reports/{LAST}/utilization.csv"))
    assert set(present["account"]) == {"lab", "prod"}
    assert present.groupby("account")["is_present"].sum()["lab"] > 5


def test_page_text_mail_and_summary_name_the_account_and_since_when(behind: Job) -> None:
    make_report(behind)
    stored = behind.store.read_report(LAST)
    message = email.message_from_bytes(stored["mail.eml"], policy=email.policy.default)
    for kind, text in {
        "page": stored["report.html"].decode(),
        "text": message.get_body(("plain",)).get_content(),  # type: ignore[union-attr]
        "mail": message.get_body(("html",)).get_content(),  # type: ignore[union-attr]
    }.items():
        shown = text.replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ")
        assert "account lab not observed since 13 March 2026" in shown, kind
    assert "account lab not observed" in message["Subject"]
    summary = json.loads(stored["summary.json"])
    assert summary["not_observed"] == [
        {"account": "lab", "until": "2026-03-13", "in_settings": True}
    ]
    assert "account lab not observed" in summary["title"]


def test_the_run_warns_and_names_the_remedy(behind: Job) -> None:
    make_report(behind)
    assert behind.exit_code == Exit.WARNINGS
    (warning,) = [message for message in behind.messages if "not observed" in message]
    assert "account lab" in warning
    assert "2026-03-13" in warning
    assert "extract --account lab" in warning


def test_observed_again_everything_catches_up(
    behind: Job, served: tuple[Clock, Settings], reach: Reach, tmp_path: Path
) -> None:
    before = of_lab(findings_of(behind, UNTIL).findings)
    early = files(behind)
    catch_up(behind, served[0])
    current = of_lab(findings_of(behind, LAST).findings)
    late = files(behind)
    assert {day for day in late if late[day] != early[day]} == {
        date(2026, 3, 14), LAST,
    }  # fmt: skip

    was_open = before.index[before["state"].isin(["new", "open", "reopened"])]
    still = current.loc[current.index.isin(was_open) & current["state"].isin(["open"])]
    assert len(still)
    pd.testing.assert_series_equal(still["found_on"], before["found_on"].reindex(still.index))
    assert not (current["decided_by"] == NOT_OBSERVED).any()
    make_report(behind)
    assert not [message for message in behind.messages if "not observed" in message]

    # As if it had never been behind.
    rebuilt_data = tmp_path / "rebuilt"
    for part in ("snapshots", "ledger"):
        shutil.copytree(tmp_path / "data" / part, rebuilt_data / part, symlinks=True)
    rebuilt = reach(rebuilt_data)
    findings_of(rebuilt, LAST)
    assert files(rebuilt) == late


def test_changes_in_between_are_in_the_first_report_that_knows_them(
    behind: Job, served: tuple[Clock, Settings]
) -> None:
    make_report(behind)
    clock, settings = served
    clock.set(START + timedelta(days=DAYS + 1, hours=1))
    for account in settings.accounts:
        extract(behind, account)
    update_ledger(behind)
    after = LAST + timedelta(days=1)
    make_report(behind)
    summary = json.loads(behind.store.read_report(after)["summary.json"])

    rows = behind.store.read_ledger(UNTIL, after)
    lab = rows[(rows["account"] == "lab").to_numpy(bool)]
    prod = rows[(rows["account"] == "prod").to_numpy(bool)]
    per_account = [changes.since(lab, UNTIL, after), changes.since(prod, LAST, after)]
    assert set(per_account[0]["cluster_id"]) > set(changes.since(lab, LAST, after)["cluster_id"])
    assert sum(summary["status_changes"].values()) == sum(len(rows) for rows in per_account)


def test_a_night_with_one_api_down_reports_the_others_and_names_the_account(behind: Job) -> None:
    accounts = {**behind.settings.accounts, "lab": Account(url="http://127.0.0.1:9")}
    down = replace(
        behind,
        settings=structs.replace(behind.settings, accounts=accounts, extract=Extract(attempts=1)),
        now=lambda: START + timedelta(days=DAYS),
    )
    reported = nightly(down)
    assert reported is not None
    assert reported.day == LAST
    assert down.codes == {Exit.API_UNAVAILABLE, Exit.WARNINGS}
    assert [message for message in down.messages if "account lab: not observed since" in message]


def test_an_owner_reads_only_of_accounts_with_clusters_of_theirs(
    behind: Job, tmp_path: Path
) -> None:
    day = behind.store.read_ledger(UNTIL, UNTIL).astype({"account": "str"})
    mine = {name: day.loc[day["account"] == name, "cluster_id"].iloc[0] for name in ("lab", "prod")}
    owners = tmp_path / "owners.toml"
    owners.write_text(
        "".join(
            f'[[owner]]\nmatch = "{cluster}"\nowner = "{name} team"\nmail = "{name}@example.com"\n'
            for name, cluster in mine.items()
        )
    )
    mail = Mail(per_owner=True)
    behind.settings = structs.replace(behind.settings, owners_file=str(owners), mail=mail)
    make_report(behind)
    pages = {
        name: content.decode()
        for name, content in behind.store.read_report(LAST).items()
        if name.startswith("report-")
    }
    names_lab = {name: "account lab not observed" in page for name, page in pages.items()}
    assert {name.partition("-")[2][:4]: yes for name, yes in names_lab.items()} == {
        "lab-": True, "prod": False,
    }  # fmt: skip


def test_an_account_removed_from_the_settings_takes_its_findings_with_it(
    behind: Job,
) -> None:
    kept = {"prod": behind.settings.accounts["prod"]}
    behind.settings = structs.replace(behind.settings, accounts=kept)
    reported = make_report(behind)
    assert behind.exit_code == Exit.DONE
    assert "lab" not in reported.view.title
    assert of_lab(findings_of(behind, LAST).findings).empty
    assert len(of_lab(findings_of(behind, UNTIL).findings))
    (fact,) = [fact for fact in reported.view.data_quality if fact.term == "Accounts not observed"]
    assert "lab" in fact.value
    assert "no longer in the settings" in fact.value
    assert "gone" not in (reported.view.numbers.status_changes or {})


def test_an_account_that_was_never_observed_is_named(behind: Job) -> None:
    accounts = {**behind.settings.accounts, "new": Account()}
    behind.settings = structs.replace(behind.settings, accounts=accounts)
    reported = make_report(behind)
    assert "new (on any day)" in reported.view.title.replace("\N{NO-BREAK SPACE}", " ")
    assert [
        message for message in behind.messages if "account new: not observed on any day" in message
    ]


def test_alone_it_reports_its_last_closed_day_as_ever(behind: Job) -> None:
    for part in ("snapshots", "ledger"):
        shutil.rmtree(behind.store.files.path(f"{part}/account=prod"))  # type: ignore[arg-type]
    behind.settings = Settings(accounts={"lab": Account()})
    reported = make_report(behind)
    assert reported.day == UNTIL
    assert behind.exit_code == Exit.DONE
    assert "not observed" not in reported.view.title


def test_a_report_made_from_ranges_of_clusters_is_the_same(
    kept: Path, reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = tmp_path / "owners.toml"
    owners.write_text('[[owner]]\nmatch = "llm-*"\nowner = "LLM"\nmail = "llm@example.com"\n')
    made: dict[int, list[dict[str, bytes]]] = {}
    for rows in (1_000_000, 100):
        monkeypatch.setattr(ledger_rows, "ROWS_AT_ONCE", rows)
        job = reach(shutil.copytree(kept, tmp_path / str(rows)))
        mail = Mail(host="127.0.0.1", sender="a@example.com", per_owner=True)
        settings = structs.replace(job.settings, owners_file=str(owners), mail=mail)
        job = replace(job, settings=settings)
        made[rows] = []
        for _ in range(2):  # with findings just made, and with stored ones
            make_report(job)
            files = job.store.read_report(LAST)
            assert any(name.startswith("report-llm") for name in files)
            made[rows].append({n: d for n, d in files.items() if not n.endswith(".eml")})
        if rows == 100:
            assert len(job.store.id_ranges(job.store.ledger_days(), rows)) > 3
    once, in_ranges = made.values()
    assert in_ranges == once
