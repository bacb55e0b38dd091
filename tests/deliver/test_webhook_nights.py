"""Nights with webhooks, ping, metrics and retention, over a real API and real listeners."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import SIMULATED, Api, Ran, make_run
from tests.deliver.listener import Listener, listening

if TYPE_CHECKING:
    from pathlib import Path

DAY = 24
SECRET = "canary-hook-51e8a2"  # searched for in all that is printed or stored
Night = Callable[..., Ran]


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as running:
        yield running


@pytest.fixture
def night(tmp_path: Path, api: Api, listener: Listener) -> Night:
    """``nightly`` at an hour of the simulated time, with three webhooks, a ping and metrics."""
    (tmp_path / "owners.toml").write_text('[[owner]]\nmatch = "*"\nowner = "ml team"\n')
    (tmp_path / "url").write_text(f"{listener.url}/slack/{SECRET}\n")
    (tmp_path / "url").chmod(0o600)
    config = tmp_path / "settings.toml"
    config.write_text(
        f'owners_file = "{tmp_path}/owners.toml"\n{SIMULATED}'
        f'[webhooks.ops]\nkind = "slack"\nurl_file = "{tmp_path}/url"\nattempts = 1\n'
        '[webhooks.teams]\nkind = "teams"\nurl_env = "TEAMS_HOOK"\nattempts = 1\n'
        '[webhooks.ml]\nkind = "json"\nurl_env = "ML_HOOK"\nowner = "ml team"\nattempts = 1\n'
        'signing_key_env = "ML_KEY"\n'
        '[ping]\nurl_env = "PING"\n'
        f'[metrics]\ntextfile = "{tmp_path}/fleetledger.prom"\n'
        "[retention]\nthin_after_days = 1\n"
    )
    run = make_run(tmp_path, tmp_path / "data")
    secrets = {
        "TEAMS_HOOK": f"{listener.url}/teams/{SECRET}?sig=1",
        "ML_HOOK": f"{listener.url}/ml/{SECRET}",
        "ML_KEY": f"key-{SECRET}",
        "PING": f"{listener.url}/ping/{SECRET}",
    }

    def night(hour: float, *command: str, url: str = api.url) -> Ran:
        api.go_to(hour)
        args = (*(command or ("nightly",)), "--config", str(config), "--json", "-v")
        ran = run(*args, url=url, **secrets)
        assert SECRET not in ran.out + ran.err
        stored = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        assert not [path for path in stored if SECRET.encode() in path.read_bytes()]
        return ran

    return night


def posts(listener: Listener, kind: str) -> list[str]:
    """The paths that were asked, without the secret."""
    return [
        each.path.replace(SECRET, "").partition("?")[0].replace("//", "/").strip("/")
        for each in listener.received
        if each.path.startswith(f"/{kind}/")
    ]


def test_each_channel_gets_each_report_once_and_an_owner_only_their_part(
    night: Night, listener: Listener
) -> None:
    assert night(2).code == 0
    assert night(2 + DAY).code == 0
    assert night(3 + DAY).code == 0
    # The notice that no day is closed yet, then the report; an owner has a part of a report only.
    assert len(posts(listener, "slack")) == len(posts(listener, "teams")) == 2
    [own] = [each for each in listener.received if each.path.startswith("/ml/")]
    sent = json.loads(own.body)
    assert (sent["owner"], sent["kind"], sent["day"]) == ("ml team", "report", "2026-03-02")
    assert re.fullmatch(r"t=\d+,v1=[0-9a-f]{64}", own.headers["X-FleetLedger-Signature"])
    counts = json.loads(night(4 + DAY).out)["counts"]
    assert "webhooks_posted" not in counts


def test_a_channel_that_refuses_is_a_message_and_a_count_and_gets_the_report_later(
    night: Night, listener: Listener
) -> None:
    listener.answers = [(500, "", {})]
    ran = json.loads(night(2).out)
    assert ran["exit_code"] == 0
    assert ran["counts"]["webhooks_failed"] == 2
    assert ran["counts"]["pings_failed"] == 2
    assert any(text.startswith("webhooks.ops: HTTP 500") for text in ran["messages"])
    listener.answers = []
    listener.received.clear()
    sent = json.loads(night(2, "send").out)
    assert sent["webhooks"] == {"ops": "", "teams": ""}
    assert json.loads(night(2, "send").out)["webhooks"] == {}
    assert json.loads(night(2, "send", "--again").out)["webhooks"] == {"ops": "", "teams": ""}


def test_a_refused_post_names_the_source_of_the_address_and_no_retry(
    night: Night, listener: Listener
) -> None:
    listener.answers = [(404, "", {})]
    messages = json.loads(night(2).out)["messages"]
    assert (
        "webhooks.ops: HTTP 404; check the address in webhooks.ops.url_file, then: "
        "`fleetledger send`"
    ) in messages
    assert any("webhooks.teams.url_env (the variable TEAMS_HOOK), then" in m for m in messages)
    assert (
        "ping (success): HTTP 404; check the address in ping.url_env (the variable PING)"
        in messages
    )
    assert not any("try again" in message for message in messages)


def test_a_night_without_data_is_posted_once_to_the_channels_of_the_whole_report(
    night: Night, listener: Listener
) -> None:
    night(2 + DAY)
    listener.received.clear()
    dead = "http://127.0.0.1:9"
    assert night(26 + DAY, url=dead).code == 11
    night(27 + DAY, url=dead)
    assert len(posts(listener, "slack")) == len(posts(listener, "teams")) == 1
    assert posts(listener, "ml") == []
    assert b"No new data" in next(e.body for e in listener.received if e.path[1:6] == "slack")
    assert posts(listener, "ping") == ["ping/start", "ping/fail"] * 2


def test_the_switch_is_asked_at_start_and_success(night: Night, listener: Listener) -> None:
    night(2)
    assert posts(listener, "ping") == ["ping/start", "ping"]


def test_metrics_are_written_by_every_run_also_a_failed_one(night: Night, tmp_path: Path) -> None:
    night(2)
    night(26, url="http://127.0.0.1:9")
    text = (tmp_path / "fleetledger.prom").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'fleetledger_\w+(\{(\w+="[^"]*",?)+\})? [-+.e0-9]+', x) for x in lines)
    assert 'fleetledger_last_run_exit_code{command="nightly"} 11' in lines
    assert 'fleetledger_snapshots{account="default"} 1' in lines
    assert text.endswith("# EOF\n")
    assert (tmp_path / "fleetledger.prom").stat().st_mode & 0o777 == 0o644
    assert SECRET not in text


def test_metrics_that_cannot_be_written_are_a_message(night: Night, tmp_path: Path) -> None:
    (tmp_path / "fleetledger.prom").mkdir()
    ran = json.loads(night(2).out)
    assert ran["exit_code"] == 0
    assert any(text.startswith("metrics.textfile") for text in ran["messages"])


def test_a_night_prunes_by_the_policy_at_its_end(night: Night) -> None:
    for hour in (1, 6, 12, 18, 25, 26, 50):
        night(hour, "extract")
    ran = json.loads(night(74).out)
    assert ran["counts"]["snapshots_pruned"] > 0
    assert ran["counts"]["bytes_freed"] > 0
    assert any("removed" in text for text in ran["messages"])
    plan = json.loads(night(74, "prune", "--dry-run").out)
    assert (plan["exit_code"], plan["removed"], plan["freed_bytes"]) == (0, [], 0)


def test_status_names_the_channels_that_were_not_reached_until_they_are(
    night: Night, listener: Listener
) -> None:
    listener.answers = [(404, "", {})]
    night(2)
    night(3, "extract")  # a run that posts nothing
    shown = json.loads(night(3, "status").out)
    assert set(shown["failed_channels"]) == {"webhooks.ops", "webhooks.teams", "ping"}
    assert shown["failed_channels"]["webhooks.ops"].startswith("webhooks.ops: HTTP 404; check")
    listener.answers = []
    night(3, "send")
    assert json.loads(night(3, "status").out)["failed_channels"] == {}


def test_status_names_age_alerts_and_the_next_step(night: Night) -> None:
    night(2)
    shown = json.loads(night(2, "status", "--max-age", "1h").out)
    assert shown["accounts"][0]["newest_complete"].endswith("Z")
    assert shown["alerts"] == []
    assert shown["next_step"]
    assert shown["exit_code"] == 3
    night(26, url="http://127.0.0.1:9")
    assert "nightly failed with exit 11" in json.loads(night(26, "status").out)["next_step"]
