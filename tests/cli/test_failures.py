"""What a user gets who gets something wrong, or whose world fails: one line, the right exit code,
and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.failed_responses import status
from pipeline.simulator.faults import Faults
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store
from tests.cli.conftest import KEY, ROOT, SIMULATED, START
from tests.cli.test_canary import page
from tests.extract.rawserver import http, raw_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Api, Run

NOWHERE = "http://127.0.0.1:1"


def only_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def snapshots(data: Path) -> list[Path]:
    return list((data / "snapshots").rglob("*.parquet"))


def test_without_a_key_one_line_says_how_to_give_it(api: Api, run: Run, data: Path) -> None:
    ran = run("extract", url=api.url, key=None)
    assert ran.code == 10
    assert "TENSORONE_API_KEY" in only_line(ran.err)
    assert not snapshots(data)


def test_a_refused_key_is_not_tried_again(api: Api, run: Run, data: Path) -> None:
    ran = run("extract", url=api.url, key="another")
    assert ran.code == 10
    assert "another" not in ran.err
    only_line(ran.err)
    assert not snapshots(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[api]\nurk = 1", "unknown setting api.urk; did you mean api.url?"),
        ('[accounts.a]\nkeyfile = "x"', "accounts.a.keyfile; did you mean accounts.a.key_file?"),
        ("[budgets.gpu]\namuont = 1", "budgets.gpu.amuont; did you mean budgets.gpu.amount?"),
        ("[own_rules.x]\nwhn = 'a'", "own_rules.x.whn; did you mean own_rules.x.when?"),
        ("[extract]\npage_size = 500", "extract.page_size"),
        ('currency = "dollars"', "currency"),
        ("[extract]\npage_deadline_seconds = inf", "extract.page_deadline_seconds"),
        ("[extract]\nconnect_timeout_seconds = 1e300", "extract.connect_timeout_seconds"),
        ("[extract]\nfresh_minutes = nan", "extract.fresh_minutes"),
        ("[extract]\nmax_wait_seconds = inf", "extract.max_wait_seconds"),
        (f"[extract]\nmax_page_bytes = {2**63 - 1}", "extract.max_page_bytes"),
        ("[mail]\ntimeout_seconds = 1e300", "mail.timeout_seconds"),
        ("[rules]\nseed_hourly_rate = inf", "rules.seed_hourly_rate"),
        ("[budgets.gpu]\namount = inf", "budgets.gpu.amount"),
        ("[[[", "not valid TOML"),
        ('[accounts."../x"]\nkey_env = "A"', "folder's name"),
    ],
)
def test_an_invalid_setting_is_named(run: Run, tmp_path: Path, text: str, expected: str) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(text)
    ran = run("ledger", "--config", str(config))
    assert ran.code == 2
    assert expected in only_line(ran.err)
    assert str(config) in ran.err


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("extract", "--acount", "x"), "--account"),
        (("reprt",), "report"),
        (("report", "--date", "yesterday"), "is not a day"),
        (("report", "--window", "soon"), "such as 30d"),
        (("clusters", "--limit", "500"), "500"),
        (("extract", "--account", "x"), "not in the settings"),
        (("--config", "/nowhere.toml", "status"), "/nowhere.toml"),
        (("clusters", "--created-after", "soon"), "is not a moment"),
        (("extract", "--api-url", "https://api.example.com/v1"), "--api-version"),
        (("clusters", "--api-url", "https://api.example.com/v2/clusters/"), "--api-version"),
        (("extract", "--api-url", "http://127.0.0.1:99999"), "api.url"),
        (("extract", "--api-url", "http://[::1"), "api.url"),
    ],
)
def test_an_invalid_argument_is_named(run: Run, args: tuple[str, ...], expected: str) -> None:
    ran = run(*args)
    assert ran.code == 2
    assert expected in ran.err


def test_an_api_that_is_down_stores_nothing(run: Run, tmp_path: Path, data: Path) -> None:
    config = tmp_path / "quick.toml"
    config.write_text("[extract]\nattempts = 2\n")
    ran = run("extract", "--config", str(config), url=NOWHERE)
    assert ran.code == 11
    assert NOWHERE in only_line(ran.err)
    assert not snapshots(data)


def test_a_ca_file_that_is_not_there_is_named_at_once(run: Run, tmp_path: Path, data: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('[api]\nca_file = "/nowhere/ca.pem"\n')
    ran = run("extract", "--config", str(config), url="https://127.0.0.1:1")
    assert ran.code == 2
    assert "api.ca_file '/nowhere/ca.pem': there is no such file" in only_line(ran.err)
    assert not snapshots(data)


EMPTY = b'{"success": true, "data": {"clusters": [], "pagination": {"total_count": 0}}}'


@pytest.mark.parametrize(
    "answer",
    [
        http(EMPTY, "a header without a colon"),
        http(b"%x\r\n%b\r\n0\r\n\r\n" % (len(EMPTY), EMPTY), "Transfer-Encoding: chunked"),
    ],
)
def test_what_the_http_library_finds_odd_is_not_printed(run: Run, answer: bytes) -> None:
    with raw_server(lambda _: answer) as url:
        ran = run("extract", url=url)
    assert (ran.code, ran.err) == (0, "")


def test_the_key_never_meets_a_proxy_on_the_way_to_this_machine(run: Run, api: Api) -> None:
    met: list[bytes] = []
    with raw_server(lambda request: met.append(request) or http(b"{}")) as proxy:
        named = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"), proxy)
        ran = run("extract", url=api.url, **named)
    assert (ran.code, met) == (0, [])


def test_an_api_is_only_ever_read(run: Run) -> None:
    """Every request on the socket, of every command that asks the API."""
    seen: list[bytes] = []
    body = page().encode()
    with raw_server(lambda request: seen.append(request) or http(body)) as url:
        for command in (
            ("extract",),
            ("doctor",),
            ("overview", "--max-age", "0m"),
            ("candidates", "--max-age", "0m"),
            ("clusters", "--max-age", "0m"),
            ("reconcile", "--live"),
            ("nightly",),
        ):
            run(*command, url=url)
    assert len(seen) > len({"extract", "doctor", "overview", "candidates", "clusters"})
    assert {request.split(b" ", 1)[0] for request in seen} == {b"GET"}
    assert not [request for request in seen if not request.endswith(b"\r\n\r\n")]  # no body


QUICK = "[extract]\nattempts = 1\nmax_wait_seconds = 0\n"


def test_only_the_proxy_of_the_settings_is_used_and_it_gets_host_and_port_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "settings.toml"
    asked: list[tuple[str, int]] = []
    connect = socket.create_connection

    def noted(address: tuple[str, int], *_args: object, **_options: object) -> socket.socket:
        asked.append(address)
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError
        return connect(address)

    monkeypatch.setattr("urllib3.util.connection.create_connection", noted)
    met: list[bytes] = []
    with raw_server(lambda request: met.append(request) or http(b"", status="403 No")) as proxy:
        config.write_text(QUICK)
        arguments = ("extract", "--config", str(config), "--api-url", "https://api.example.com")
        assert run(*arguments, HTTPS_PROXY=proxy, ALL_PROXY=proxy, https_proxy=proxy).code == 11
        assert (asked, met) == ([("api.example.com", 443)], [])

        config.write_text(f'proxy = "{proxy}"\n{QUICK}')
        assert run(*arguments).code == 11
    assert asked[1:] == [("127.0.0.1", int(proxy.rpartition(":")[2]))]
    assert met[0].startswith(b"CONNECT api.example.com:443 HTTP/1.")
    assert KEY.encode() not in b"".join(met)


def test_a_night_with_the_api_down_still_reports(history: Run, tmp_path: Path, data: Path) -> None:
    config = tmp_path / "quick.toml"
    config.write_text("[extract]\nattempts = 2\n")
    ran = history("nightly", "--config", str(config), url=NOWHERE)
    assert ran.code == 11
    only_line(ran.err)
    assert (data / "reports/2026-03-03/report.html").is_file()


def test_a_passing_failure_of_the_api_is_ridden_out(run: Run) -> None:
    faults = Faults(script={1: status(503)})
    app = make_app(Fleet(3, 25, START, 10), Clock(START), keys=(KEY,), faults=faults)
    with serve(app) as url:
        assert run("extract", url=url).code == 0


def test_an_empty_fleet_is_reported_as_one(run: Run, data: Path) -> None:
    clock = Clock(START)
    with serve(make_app(Fleet(1, 0, START, 10), clock, keys=(KEY,))) as url:
        for _ in range(3):
            assert run("extract", url=url).code == 0
            clock.advance(86_400)
        ran = run("nightly", url=url)
    assert (ran.code, ran.err) == (0, "")
    page = (data / "reports/2026-03-04/report.html").read_text()
    assert "no cluster" in page.lower()
    assert "nan" not in page.lower().replace("nano", "").replace("finan", "")


def test_another_run_at_work_is_left_alone(history: Run, data: Path) -> None:
    with Store(str(data)).lock("derive"):
        ran = history("report")
    assert ran.code == 75
    only_line(ran.err)


def test_a_damaged_snapshot_is_left_out_and_reported(history: Run, data: Path) -> None:
    victim = sorted(snapshots(data))[3]
    content = victim.read_bytes()
    victim.chmod(0o600)
    victim.write_bytes(content[: len(content) // 2])
    ran = history("ledger", "--rebuild")
    assert ran.code == 3
    assert victim.name in ran.err
    reported = history("report")
    assert reported.code == 3
    assert victim.name in reported.err


@pytest.mark.parametrize("command", ["extract", "nightly"])
def test_a_damaged_newest_snapshot_does_not_stop_the_next_one(
    history: Run, api: Api, data: Path, command: str
) -> None:
    api.go_to(60)
    victim = max(snapshots(data), key=lambda path: path.name)
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes()[:-9])
    ran = history(command, url=api.url)
    assert ran.code == 3
    assert victim.name in ran.err
    assert max(snapshots(data), key=lambda path: path.name).name > victim.name


def test_a_damaged_resume_point_is_no_reason_to_take_no_snapshot(
    history: Run, api: Api, data: Path
) -> None:
    (data / "state/resume-default").write_bytes(b"half of wh")
    ran = history("extract", url=api.url)
    assert ran.code == 3
    assert "state/resume-default" in only_line(ran.err)
    assert history("extract", url=api.url).code == 0


def test_a_damaged_ledger_day_is_left_out_of_the_report(history: Run, data: Path) -> None:
    victim = next((data / "ledger/account=default/date=2026-03-02").glob("*.parquet"))
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes()[:-9] + b"123456789")
    ran = history("report")
    assert ran.code == 3
    assert victim.name in ran.err
    assert victim.name in (data / "reports/2026-03-03/report.html").read_text()


def test_a_store_that_cannot_be_written_is_reported(run: Run, tmp_path: Path, api: Api) -> None:
    (tmp_path / "file").write_text("not a folder")
    ran = run("extract", "--data-dir", str(tmp_path / "file" / "data"), url=api.url)
    assert ran.code == 12
    only_line(ran.err)


def test_ctrl_c_leaves_no_half_file_and_no_server(tmp_path: Path) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "pipeline", "--data-dir", str(tmp_path / "demo"), "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(snapshots(tmp_path / "demo")) < 5:
        assert process.poll() is None
        time.sleep(0.05)  # until it is in the middle of its work
    expected = None
    while expected is None:  # Python drops an interrupt that falls into a destructor: press again
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            _, expected = process.communicate(timeout=2)
    assert process.returncode == 130
    assert "Traceback" not in expected
    store = Store(str(tmp_path / "demo"))
    for ref in store.snapshots():
        store.read_snapshot(ref)
    assert not [path for path in (tmp_path / "demo").rglob("*") if "tmp" in path.name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_for_a_random_instant_ends_cleanly_at_once(
    api: Api, tmp_path: Path, number: signal.Signals
) -> None:
    data = tmp_path / "data"
    process = subprocess.Popen(  # noqa: S603 - our own program
        [
            *(sys.executable, "-m", "pipeline", "extract", "--spread", "24h", "-v"),
            *("--data-dir", str(data), "--api-url", api.url),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TENSORONE_API_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    log = ""
    while "of a spread of 86400 s" not in log:
        line = process.stderr.readline()
        assert line, log
        log += line
    with Store(str(data)).lock("extract-default"):  # LockedError if the waiting run holds it
        pass
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    assert (out, "Traceback" in err) == ("", False)
    assert snapshots(data) == []


def test_the_demo_never_empties_a_folder_that_is_not_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    ran = run("demo", "--data-dir", str(tmp_path / "mine"))
    assert ran.code == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_gap_is_reported_once(history: Run, api: Api) -> None:
    api.go_to(54 + 48)
    assert history("extract", url=api.url).code == 0
    first, second = history("ledger"), history("ledger")
    assert first.code == 3
    assert "no snapshot between" in first.err
    assert (second.code, second.err) == (0, "")


def test_check_prints_a_past_gap_and_succeeds_once_its_days_are_built(
    history: Run, api: Api
) -> None:
    api.go_to(54 + 48)
    assert history("extract", url=api.url).code == 0
    before = history("check")  # before the ledger has named the gap
    assert before.code == 3
    assert "is missing; run: fleetledger ledger" in before.err
    assert history("ledger").code == 3
    history("report")
    after = history("check")
    assert (after.code, after.err) == (0, "")
    assert "no complete snapshot for" in after.out
    assert after.out.endswith("files checked, no problems, 1 gap\n")
    [gap] = json.loads(history("check", "--json").out)["gaps"]
    assert gap["account"] == "default"


def test_messages_of_a_failed_run_are_kept_for_status(run: Run) -> None:
    run("extract", url=NOWHERE, key=None)
    last = json.loads(run("status", "--json").out)["runs"][0]
    assert (last["command"], last["exit_code"]) == ("extract", 10)
    assert "no API key" in last["messages"][0]


@pytest.mark.parametrize(
    "args",
    [
        ("status",), ("check",), ("prune",), ("ledger",), ("report",), ("send",), ("findings",),
        ("what-if", "--stop", "*"), ("replay", "--from", "2026-03-02", "--to", "2026-03-03"),
    ],
)  # fmt: skip
def test_a_place_that_holds_nothing_is_no_empty_history(
    run: Run, data: Path, args: tuple[str, ...]
) -> None:
    ran = run(*args)
    assert ran.code == 12
    assert str(data) in only_line(ran.err)
    assert not data.exists()


def test_a_typo_leaves_no_run_in_the_history(history: Run) -> None:
    before = json.loads(history("status", "--json").out)["runs"]
    assert history("extract", "--account", "x").code == 2
    assert history("report", "--date", "2031-01-01").code == 2
    assert json.loads(history("status", "--json").out)["runs"] == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('exclusions_file = "/nowhere/exclusions.toml"', "/nowhere/exclusions.toml"),
        ('owners_file = "/nowhere/owners.toml"', "/nowhere/owners.toml"),
        ('[mail]\nto = ["ana"]', "'ana' is not a mail address"),
    ],
)
def test_nightly_checks_its_settings_before_it_walks(
    run: Run, api: Api, tmp_path: Path, data: Path, text: str, expected: str
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(text + "\n")
    ran = run("nightly", "--config", str(config), url=api.url)
    assert ran.code == 2
    assert expected in only_line(ran.err)
    assert not snapshots(data)


def test_a_report_whose_mail_cannot_be_sent_is_made_and_says_so(
    history: Run, api: Api, tmp_path: Path, data: Path
) -> None:
    config = tmp_path / "settings.toml"
    mail = '[mail]\nto = ["ana@example.org"]\nusername = "ledger"\n'
    config.write_text(mail + SIMULATED)
    ran = history("nightly", "--config", str(config), url=api.url)
    assert ran.code == 4
    assert "mail.username needs a password" in only_line(ran.err)
    assert (data / "reports/2026-03-03/report.html").is_file()


def test_an_unknown_variable_with_our_prefix_is_reported(history: Run) -> None:
    ran = history("ledger", FLEETLEDGER_DATADIR="elsewhere")
    assert ran.code == 0
    assert "FLEETLEDGER_DATADIR" in only_line(ran.err)
    assert "did you mean FLEETLEDGER_DATA_DIR?" in ran.err


def test_two_snapshots_in_one_second_are_stored_once(run: Run, api: Api, data: Path) -> None:
    first = run("extract", url=api.url)
    api.go_to(0)
    second = run("extract", url=api.url)
    assert (second.code, second.err) == (0, "")
    assert second.out == first.out
    assert len(snapshots(data)) == 1


def test_a_port_in_use_is_reported_in_one_line(run: Run, api: Api) -> None:
    port = api.url.rpartition(":")[2]
    ran = run("simulate", "--port", port)
    assert ran.code == 2
    assert f"--port {port}" in only_line(ran.err)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--seed", "-1"), ("--seed", str(2**32)), ("--key", ""), ("--key", "a b"), ("--key", "ä")],
)
def test_a_seed_or_key_that_the_simulated_api_cannot_use_is_wrong_usage(
    run: Run, option: str, value: str
) -> None:
    ran = run("simulate", option, value)
    assert ran.code == 2
    assert option in ran.err
    assert "Traceback" not in ran.err


def test_an_address_that_is_not_this_machines_is_named(run: Run) -> None:
    ran = run("simulate", "--host", "203.0.113.9")
    assert ran.code == 2
    assert "--host 203.0.113.9" in only_line(ran.err)
