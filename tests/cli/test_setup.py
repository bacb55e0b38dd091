"""The first day: a settings file is written, read, shown and checked."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from pipeline.cli import settings_file
from pipeline.errors import install_extra
from pipeline.jobs import doctor
from pipeline.settings import Settings, parse_settings
from tests.cli.conftest import KEY, ROOT, SIMULATED, in_process
from tests.deliver.listener import listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Api, Ran

    Ask = Callable[..., Ran]

STARTER = ROOT / "pipeline/cli/starter_settings.toml"


@pytest.fixture
def ask(tmp_path: Path, data: Path) -> Ask:
    """The program of a user with a home of their own, and no settings file yet."""

    def run(*args: str, **env: str) -> Ran:
        variables = {"HOME": str(tmp_path), "FLEETLEDGER_DATA_DIR": str(data)}
        ran = in_process(args, variables | env)
        assert KEY not in ran.out + ran.err
        return ran

    return run


def config_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The platform's config folder of the user whose home is ``home``."""
    with monkeypatch.context() as patched:
        patched.setenv("HOME", str(home))
        patched.delenv("XDG_CONFIG_HOME", raising=False)
        folder = settings_file.places("s3://bucket/prefix")[0].parent
    assert home in folder.parents
    folder.mkdir(parents=True)
    return folder


def shown(ran: Ran) -> dict[str, tuple[object, str]]:
    """Value and source of each setting, as ``config show --json`` has them."""
    assert ran.code == 0, ran.err
    return {row["key"]: (row["value"], row["source"]) for row in json.loads(ran.out)["settings"]}


def checks(ran: Ran) -> dict[str, tuple[str, str]]:
    """State and message of each check, as ``doctor --json`` has them."""
    return {
        each["check"]: (each["state"], each["message"]) for each in json.loads(ran.out)["checks"]
    }


def test_init_writes_a_private_file_of_comments_and_names_the_next_steps(
    ask: Ask, data: Path
) -> None:
    ran = ask("init")
    assert (ran.code, ran.err) == (0, "")
    path = data / "settings.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert parse_settings(path.read_bytes(), "settings.toml") == Settings()
    assert "TENSORONE_API_KEY_FILE" in ran.out
    assert "fleetledger doctor" in ran.out
    assert "TENSORONE_API_KEY_FILE" not in ask("init", "--config", str(data / "b"),
                                               TENSORONE_API_KEY=KEY).out  # fmt: skip


def test_the_next_steps_of_init_name_the_data_directory_as_it_was_given(
    ask: Ask, tmp_path: Path
) -> None:
    place = str(tmp_path / "my data")
    out = ask("init", "--data-dir", place).out
    for command in ("doctor", "nightly", "extract --spread 60m"):
        assert f"fleetledger --data-dir '{place}' {command}" in out
    assert "fleetledger doctor" in ask("init", FLEETLEDGER_DATA_DIR=str(tmp_path / "b")).out


def test_init_keeps_an_existing_file(ask: Ask, data: Path) -> None:
    data.mkdir()
    (data / "settings.toml").write_text('currency = "EUR"\n')
    ran = ask("init")
    assert ran.code == 2
    assert "exists and is kept" in ran.err
    assert (data / "settings.toml").read_text() == 'currency = "EUR"\n'


def test_init_beside_an_object_store_writes_to_the_config_folder(ask: Ask, tmp_path: Path) -> None:
    ran = ask("init", "--data-dir", "s3://bucket/prefix", XDG_CONFIG_HOME=str(tmp_path / "xdg"))
    assert ran.code == 0, ran.err
    assert (tmp_path / "xdg/fleetledger/settings.toml").is_file()


def test_every_example_of_the_file_is_valid_and_every_shown_default_is_the_default() -> None:
    text = STARTER.read_text(encoding="utf-8")
    body = text.partition("\n\n")[2]  # the explanation at the top
    is_toml = [line for line in body.splitlines() if line.startswith(("# ", "["))]
    lines = [line.removeprefix("# ") for line in is_toml if " = " in line or "[" in line[:4]]
    raw = tomllib.loads("\n".join(lines))
    settings = parse_settings("\n".join(lines).encode(), "starter")
    assert settings.budgets["fleet"].amount == 400_000
    defaults = Settings()
    for key in ("url", "version"):
        assert raw["api"][key] == getattr(defaults.api, key)
    for key in ("port", "security", "when", "per_owner"):
        assert raw["mail"][key] == getattr(defaults.mail, key)
    assert raw["report"]["window"] == defaults.report.window
    assert raw["rules"]["idle_window_days"] == defaults.rules.idle_window_days


def test_each_place_of_a_settings_file_precedes_the_next(
    ask: Ask, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Option, variable, data directory, config folder: without each, the next one counts."""
    data.mkdir()
    named, variable = tmp_path / "named.toml", tmp_path / "variable.toml"
    folder = config_folder(tmp_path, monkeypatch)
    files = [named, variable, data / "settings.toml", folder / "settings.toml"]
    for path, code in zip(files, ("EUR", "GBP", "JPY", "CHF"), strict=True):
        path.write_text(f'currency = "{code}"\n')

    def currency(*args: str, **env: str) -> tuple[object, str]:
        return shown(ask("config", "show", "--json", *args, **env))["currency"]

    env = {"FLEETLEDGER_CONFIG": str(variable)}
    assert currency("--config", str(named), **env) == ("EUR", str(named))
    assert currency(**env) == ("GBP", str(variable))
    assert currency() == ("JPY", str(data / "settings.toml"))
    assert f"only one file is used: {folder / 'settings.toml'}" in ask("config", "show").out
    (data / "settings.toml").unlink()
    assert currency() == ("CHF", str(folder / "settings.toml"))
    (folder / "settings.toml").unlink()
    assert currency() == (None, "default")


def test_an_option_and_its_variable_are_named_as_the_source(ask: Ask, data: Path) -> None:
    data.mkdir()
    (data / "settings.toml").write_text('[api]\nurl = "https://a.example"\nversion = "v2"\n')
    rows = shown(ask("config", "show", "--json", FLEETLEDGER_API_URL="https://b.example"))
    assert rows["api.url"] == ("https://b.example", "FLEETLEDGER_API_URL")
    assert rows["api.version"] == ("v2", str(data / "settings.toml"))
    assert rows["api.auth"] == ("bearer", "default")
    rows = shown(ask("config", "show", "--json", "--api-url", "https://c.example"))
    assert rows["api.url"] == ("https://c.example", "--api-url")


def test_what_config_show_prints_is_the_settings_again(ask: Ask, data: Path) -> None:
    data.mkdir()
    text = """
        currency = "EUR"
        [accounts."a.b"]
        key_env = "A_KEY"
        [budgets."all of it"]
        amount = 5.5
        [own_rules.x]
        when = "name like 'a\\"b'"
        [rate_card]
        H100 = 2.99
        [mail]
        to = ["ä@example.org"]
        when = "findings"
    """
    (data / "settings.toml").write_text(text)
    out = ask("config", "show").out
    again = parse_settings(out.encode(), "config show")
    wanted = parse_settings(text.encode(), "settings.toml")
    assert again.data_dir == str(data)
    assert {**vars_of(again), "data_dir": ""} == {**vars_of(wanted), "data_dir": ""}


def vars_of(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


def test_config_show_masks_what_may_be_a_secret(ask: Ask, data: Path) -> None:
    data.mkdir()
    (data / "settings.toml").write_text(
        f'[api]\nkey_file = "{KEY}"\n[accounts.a]\nkey_env = "{KEY}"\n'
        f'[mail]\npassword_file = "{KEY}"\n[report]\nbase_url = "https://u:{KEY}@h.example"\n'
    )
    ran = ask("config", "show")
    assert ran.code == 0
    assert ran.out.count('"***"') == 3
    assert 'report.base_url = "https://***@h.example"' in ran.out
    assert "# API key of a: " in ran.out


def test_a_file_that_another_user_can_change_is_not_read(ask: Ask, data: Path) -> None:
    data.mkdir()
    path = data / "settings.toml"
    path.write_text('[api]\nurl = "https://attacker.example"\n')
    path.chmod(0o646)
    ran = ask("status")
    assert ran.code == 2
    assert f"{path}: another user can change this settings file" in ran.err
    assert ask("config", "show", "--config", str(path)).code == 0  # the user's own decision


def test_a_settings_file_cannot_lie_in_another_data_directory(ask: Ask, data: Path) -> None:
    data.mkdir()
    (data / "settings.toml").write_text('data_dir = "/srv/ledger"\n')
    ran = ask("status")
    assert ran.code == 2
    assert "data_dir /srv/ledger: this file lies in another data directory" in ran.err


def test_an_invalid_default_file_is_an_error_that_names_it(ask: Ask, data: Path) -> None:
    data.mkdir()
    (data / "settings.toml").write_text("[mail]\nprot = 25\n")
    ran = ask("nightly")
    assert ran.code == 2
    assert f"{data}/settings.toml: unknown setting mail.prot; did you mean mail.port?" in ran.err
    (data / "settings.toml").unlink()
    (data / "settings.toml").symlink_to("absent.toml")
    ran = ask("nightly")
    assert ran.code == 2
    assert f"the settings file {data}/settings.toml" in ran.err


def test_doctor_of_a_right_set_up_passes_and_stores_nothing(ask: Ask, api: Api, data: Path) -> None:
    data.mkdir()
    (data / "settings.toml").write_text(SIMULATED)
    env = {"FLEETLEDGER_API_URL": api.url, "TENSORONE_API_KEY": KEY}
    ran = ask("doctor", "--json", **env)
    assert ran.code == 0, ran.out
    results = checks(ran)
    assert results["settings"] == ("ok", f"{data}/settings.toml")
    assert results["API key"] == ("ok", "from TENSORONE_API_KEY")
    assert results["API"][0] == "ok"
    assert results["API"][1].startswith(f"{api.url} (v1) lists ")
    assert results["store"] == (
        "ok",
        f"{data} can be written and locked; it holds no snapshots yet",
    )
    assert results["rules"] == ("ok", "0 own rules, 0 exclusions and 0 owners can be read")
    assert results["disk"][0] == "ok"
    assert results["mail"] == ("skipped", "no recipients (mail.to), so no mail is sent")
    assert results["channels"] == ("skipped", "no webhooks and no ping, so nothing is posted")
    assert results["metrics"] == ("skipped", "no metrics.textfile, so no metrics are written")
    assert results["rendering"] == ("ok", "charts, page and mail can be made")
    left = {path.name for path in data.rglob("*") if path.is_file()}
    assert left == {"settings.toml", "doctor.lock"}
    assert "nothing is stored there" in ask("status").err
    ran = ask("doctor", **env)
    assert "✓ API key: from TENSORONE_API_KEY\n" in ran.out
    assert ran.out.endswith("All checks passed\n")


def test_doctor_of_a_wrong_set_up_names_each_problem_and_its_remedy(
    ask: Ask, api: Api, data: Path, tmp_path: Path
) -> None:
    data.mkdir()
    config = tmp_path / "wrong.toml"
    config.write_text(
        '[accounts.a]\nkey_env = "A"\n[accounts.b]\nkey_env = "B"\n'
        "[own_rules.x]\nwhen = 'gpu_mean < 4'\n"
        '[mail]\nto = ["x@example.org"]\nhost = "127.0.0.1"\nport = 1\ntimeout_seconds = 5\n'
    )
    (data / "locks").write_text("a file in the place of a folder")
    env = {"FLEETLEDGER_API_URL": api.url, "B": "wrong-key-of-account-b"}
    ran = ask("doctor", "--json", "--config", str(config), **env)
    assert ran.code == 12  # the worst: the store
    results = checks(ran)
    assert results["settings"] == ("ok", f"{config} (--config)")
    assert results["API key of a"][0] == "failed"
    assert "accounts.a.key_env" in results["API key of a"][1]
    assert results["API of a"] == ("skipped", "not asked without a key")
    assert results["API of b"][0] == "failed"
    assert "refused the API key" in results["API of b"][1]
    assert results["rules"][0] == "failed"
    assert "own_rules.x.when: unknown column gpu_mean; did you mean" in results["rules"][1]
    assert results["store"][0] == "failed"
    assert f"locking {data}/locks/doctor.lock" in results["store"][1]
    assert results["mail"][0] == "failed"
    assert "check mail.host, mail.port and mail.security" in results["mail"][1]
    codes = {each["check"]: each["exit_code"] for each in json.loads(ran.out)["checks"]}
    assert (codes["API key of a"], codes["API of b"], codes["mail"]) == (10, 10, 4)


def test_doctor_connects_to_the_servers_of_channels_and_posts_nothing(
    ask: Ask, api: Api, tmp_path: Path
) -> None:
    config = tmp_path / "channels.toml"
    config.write_text(
        SIMULATED + '[webhooks.ops]\nkind = "slack"\nurl_env = "HOOK"\n[ping]\nurl_env = "PING"\n'
    )
    env = {"FLEETLEDGER_API_URL": api.url, "TENSORONE_API_KEY": KEY}
    asked = ("doctor", "--json", "--config", str(config))
    with listening() as listener:
        addresses = {"HOOK": f"{listener.url}/hook-7d2f", "PING": f"{listener.url}/ping-7d2f"}
        ran = ask(*asked, **env, **addresses)
        state, message = checks(ran)["channels"]
        assert state == "ok"
        assert message == (
            "webhooks.ops.url, ping.url can be read; the servers of webhooks.ops.url, ping.url can "
            "be reached; nothing was posted, so whether they accept a post is not checked"
        )
        assert listener.received == []
        https = addresses["HOOK"].replace("http:", "https:")
        # Nothing listens on port 1.
        ran = ask(*asked, **env, HOOK=https, PING="http://127.0.0.1:1/ping-7d2f")
    assert ran.code == 3
    state, message = checks(ran)["channels"]
    assert state == "failed"
    assert message == (
        "webhooks.ops.url: no connection: what answers at its port speaks no TLS, so https is "
        "wrong there; check the address in webhooks.ops.url_env (the variable HOOK). ping.url: no "
        "connection: nothing listens at its port; check the address in ping.url_env (the variable "
        "PING)"
    )
    assert "7d2f" not in ran.out + ran.err
    ran = ask(*asked, **env, HOOK=addresses["HOOK"])
    assert ran.code == 2
    state, message = checks(ran)["channels"]
    assert state == "failed"
    assert "ping.url_env (the variable PING) is empty" in message


@pytest.mark.parametrize(
    ("place", "state", "message"),
    [
        ("fl.prom", "ok", "can be written"),
        ("absent/fl.prom", "failed", "its folder cannot be written: No such file or directory"),
        ("folder.prom", "failed", "is a folder; give a file in it"),
    ],
)
def test_doctor_checks_that_the_metrics_can_be_written(
    ask: Ask, tmp_path: Path, place: str, state: str, message: str
) -> None:
    (tmp_path / "folder.prom").mkdir()
    config = tmp_path / "metrics.toml"
    config.write_text(f'[metrics]\ntextfile = "{tmp_path}/{place}"\n')
    before = set(tmp_path.iterdir())
    shown = checks(ask("doctor", "--json", "--config", str(config)))["metrics"]
    assert shown[0] == state
    assert message in shown[1]
    assert {path for path in tmp_path.iterdir() if path.suffix == ".prom"} <= before


def test_doctor_measures_the_difference_of_the_clocks(ask: Ask, api: Api) -> None:
    # The simulated API is in March; this machine is not.
    env = {"FLEETLEDGER_API_URL": api.url, "TENSORONE_API_KEY": KEY}
    ran = ask("doctor", "--json", **env)
    assert ran.code == 3
    state, message = checks(ran)["API"]
    assert state == "failed"
    assert "more than extract.max_clock_skew_hours; set this machine's clock" in message


def test_doctor_names_a_proxy_of_the_environment_that_is_not_used(
    ask: Ask, api: Api, tmp_path: Path
) -> None:
    env = {"FLEETLEDGER_API_URL": api.url, "TENSORONE_API_KEY": KEY}
    assert "proxy" not in checks(ask("doctor", "--json", **env))
    env["https_proxy"] = "http://user:canary@proxy.example.com:3128"
    ran = ask("doctor", "--json", **env)
    assert checks(ran)["proxy"][1].startswith("https_proxy is set, which is not used; ")
    assert "canary" not in ran.out
    config = tmp_path / "settings.toml"
    config.write_text('proxy = "http://proxy.example.com:3128"\n')
    assert "proxy" not in checks(ask("doctor", "--json", "--config", str(config), **env))


def test_doctor_names_the_version_that_the_api_does_not_have(ask: Ask, api: Api) -> None:
    env = {"FLEETLEDGER_API_URL": f"{api.url}/elsewhere", "TENSORONE_API_KEY": KEY}
    ran = ask("doctor", "--json", **env)
    assert ran.code == 11
    assert "check FLEETLEDGER_API_URL and api.version (v1)" in checks(ran)["API"][1]


def test_doctor_finds_a_full_disk_and_missing_libraries(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = doctor.shutil._ntuple_diskusage(100, 90, 10)  # type: ignore[attr-defined]
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: usage)
    monkeypatch.setattr(doctor, "find_spec", lambda _name: None)
    monkeypatch.setattr(doctor, "rehearse", broken)
    results = checks(ask("doctor", "--json"))
    assert results["disk"][0] == "failed"
    assert "free some" in results["disk"][1]
    assert results["notebook"][0] == "skipped"
    assert install_extra("notebook") in results["notebook"][1]
    assert results["rendering"][0] == "failed"
    assert "OSError: no font" in results["rendering"][1]


def broken() -> None:
    raise OSError("no font")


def test_messages_name_the_option_or_variable_of_the_key_file(ask: Ask, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert f"{absent} (from --api-key-file)" in ask("extract", "--api-key-file", absent).err
    ran = ask("extract", FLEETLEDGER_API_KEY_FILE=absent)
    assert f"{absent} (from FLEETLEDGER_API_KEY_FILE)" in ran.err


@pytest.mark.parametrize(
    ("settings", "arguments", "named_by"),
    [
        ("", ("--api-url", f"https://{KEY}.example"), "--api-url"),
        (f'[api]\nurl = "https://{KEY}.example"\n', (), "api.url"),
        (f'[accounts.a]\nurl = "https://{KEY}.example"\n', (), "accounts.a.url"),
    ],
)
def test_messages_name_where_the_address_of_the_api_came_from(
    ask: Ask, data: Path, settings: str, arguments: tuple[str, ...], named_by: str
) -> None:
    data.mkdir()
    (data / "settings.toml").write_text(settings)
    ran = ask("extract", *arguments, TENSORONE_API_KEY=KEY)
    assert ran.code == 2
    assert f"{named_by} contains the API key" in ran.err


def test_the_home_folder_of_an_unknown_user_is_an_error_of_one_line(ask: Ask) -> None:
    ran = ask("config", "show", "--data-dir", "~no-such-user/data")
    assert ran.code == 2
    assert "--data-dir: data directory '~no-such-user/data': no such home folder" in ran.err
