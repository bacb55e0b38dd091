"""The deployments of deploy/ run what the crontab runs, at the same times, with few rights."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from pipeline.cli import cli
from pipeline.errors import Exit
from pipeline.settings import parse_settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
SYSTEMD = DEPLOY / "systemd"
UNITS = ("fleetledger-extract", "fleetledger-nightly")
MANIFESTS = {path.stem: path for path in (DEPLOY / "kubernetes").glob("*.yaml")}
ARGUMENTS = {"extract": ["extract", "--spread", "60m"], "nightly": ["nightly"]}
"""What each deployment runs: the crontab's two commands."""
SCHEDULES = {"extract": "0 * * * *", "nightly": "20 2 * * *"}
MAX_EXPOSURE_TENTHS = 29

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


def unit(name: str) -> dict[str, dict[str, list[str]]]:
    """A unit file: the values of each key of each section, in order."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in (SYSTEMD / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            keys = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            keys.setdefault(key, []).append(value)
    return sections


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFESTS[name].read_text(encoding="utf-8")))


def cron_job(name: str) -> dict[str, Any]:
    [job] = manifests(name)
    spec: dict[str, Any] = job["spec"]
    return spec


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = cron_job(name)["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    [only] = pod(name)["containers"]
    return dict(only)


def assert_is_a_command(arguments: list[str]) -> None:
    """The program parses these arguments."""
    command = cli.commands[arguments[0]]
    with click.Context(command) as context:
        command.make_parser(context).parse_args(arguments[1:])


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_deployment_runs_the_crontabs_commands_at_its_times(name: str) -> None:
    crontab = (DEPLOY / "crontab").read_text(encoding="utf-8")
    [line] = re.findall(rf"(?m)^(.*fleetledger {name}\b.*)$", crontab)
    assert line.startswith(SCHEDULES[name])
    assert shlex.join(ARGUMENTS[name]) in line
    service = unit(f"fleetledger-{name}.service")["Service"]
    assert shlex.split(service["ExecStart"][0])[1:] == ARGUMENTS[name]
    minute, hour = SCHEDULES[name].split()[:2]
    calendar = f"*-*-* {hour.zfill(2) if hour != '*' else '*'}:{minute.zfill(2)}:00 UTC"
    assert unit(f"fleetledger-{name}.timer")["Timer"]["OnCalendar"] == [calendar]
    assert cron_job(name)["schedule"] == SCHEDULES[name]
    assert cron_job(name)["timeZone"] == "Etc/UTC"
    assert container(name)["args"] == ARGUMENTS[name]
    assert_is_a_command(ARGUMENTS[name])


def test_no_timer_delays_a_random_instant_that_the_program_draws() -> None:
    timer = unit("fleetledger-extract.timer")["Timer"]
    assert "RandomizedDelaySec" not in timer
    assert timer["AccuracySec"] == ["1s"]


@pytest.mark.parametrize("name", UNITS)
def test_a_timer_makes_up_for_a_time_when_the_machine_was_off(name: str) -> None:
    assert unit(f"{name}.timer")["Timer"]["Persistent"] == ["yes"]


@pytest.mark.parametrize("name", UNITS)
def test_a_service_gets_the_key_as_a_credential_and_no_secret_in_its_text(name: str) -> None:
    service = unit(f"{name}.service")["Service"]
    assert service["LoadCredential"] == ["tensorone_api_key:/etc/fleetledger/tensorone_api_key"]
    assert not [value for value in service["Environment"] if re.search(r"KEY|PASSWORD", value)]


@pytest.mark.parametrize("name", UNITS)
def test_only_a_lock_held_by_another_run_is_no_failure_of_a_service(name: str) -> None:
    service = unit(f"{name}.service")["Service"]
    assert service["SuccessExitStatus"] == [str(int(Exit.LOCKED))]


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_a_service_is_exposed_by_less_than_three(name: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own units
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MAX_EXPOSURE_TENTHS}",  # noqa: S607
         str(SYSTEMD / f"{name}.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@needs_systemd
def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    for path in SYSTEMD.iterdir():
        text = path.read_text(encoding="utf-8").replace(
            "/opt/fleetledger/bin/fleetledger", "/bin/true"
        )
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(  # noqa: S603 - our own units
        ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", MANIFESTS)
def test_kubernetes_accepts_the_manifests(name: str) -> None:
    for document in manifests(name):
        for version in ("1.31", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(document, version, strict=True)


def test_the_check_of_manifests_rejects_a_wrong_key() -> None:
    [job] = manifests("nightly")
    job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["argz"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_pod_has_few_rights(name: str) -> None:
    assert pod(name)["automountServiceAccountToken"] is False
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_pod_reads_its_key_from_a_file_that_the_program_accepts(name: str) -> None:
    # Kubernetes gives the file to the group fsGroup, as 0440 of root.
    [secrets] = [v["secret"] for v in pod(name)["volumes"] if "secret" in v]
    assert secrets["defaultMode"] == 0o400
    assert pod(name)["securityContext"]["fsGroup"] == 10001
    mounts = {mount["name"]: mount["mountPath"] for mount in container(name)["volumeMounts"]}
    variables = {entry["name"]: entry["value"] for entry in container(name)["env"]}
    assert variables["TENSORONE_API_KEY_FILE"] == f"{mounts['secrets']}/tensorone_api_key"
    assert variables["FLEETLEDGER_CONFIG"] == f"{mounts['settings']}/settings.toml"


def test_the_settings_of_the_pods_are_valid() -> None:
    [settings] = [m["data"] for m in manifests("namespace") if m["kind"] == "ConfigMap"]
    parsed = parse_settings(settings["settings.toml"].encode(), "namespace.yaml")
    assert parsed.data_dir.startswith("s3://")


def test_the_container_file_has_no_problem_that_hadolint_knows() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(  # noqa: S603 - our own file
        [hadolint, DEPLOY / "container/Containerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_container_is_not_root_and_installs_only_what_is_locked() -> None:
    text = (DEPLOY / "container/Containerfile").read_text(encoding="utf-8")
    build, final = re.split(r"(?m)^FROM ", text)[1:]
    assert re.search(r"(?m)^USER 10001:10001$", final)
    assert "pip" not in final.replace("/opt/fleetledger", "")
    installs = re.findall(r"pip .*? install (.*)", build)
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert len(installs) == 2
    # A variable would overrule the settings file.
    assert "FLEETLEDGER_" not in final


LOCKS = sorted([*ROOT.glob("*.lock"), *ROOT.glob("benchmarks/*.lock"), *ROOT.glob(".ci/*.lock")])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    packages = re.findall(r"(?m)^[a-z0-9].*==.*$", text)
    assert len(packages) > 2
    assert [line for line in packages if "--hash=sha256:" not in line] == []
    assert "://" not in text


def test_the_container_gets_only_the_files_that_it_copies() -> None:
    text = (DEPLOY / "container/Containerfile").read_text(encoding="utf-8")
    copied = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", text)
    ignore = (DEPLOY / "container/Containerfile.dockerignore").read_text(encoding="utf-8")
    sent = {line[1:] for line in ignore.splitlines() if line.startswith("!")}
    assert {path for line in copied for path in line.split()} == sent
    assert all((ROOT / path).exists() for path in sent)
