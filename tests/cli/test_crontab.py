"""The crontab lines work as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.store import Store
from tests.cli.conftest import KEY, ROOT, SIMULATED

if TYPE_CHECKING:
    from tests.cli.conftest import Api


def entries() -> list[tuple[str, str]]:
    """The time and the command of each line."""
    lines = (ROOT / "deploy/crontab").read_text(encoding="utf-8").splitlines()
    fields = [line.split(maxsplit=5) for line in lines if line and not line.startswith("#")]
    return [(" ".join(parts[:5]), parts[5]) for parts in fields]


def commands() -> list[str]:
    return [command for _, command in entries()]


def test_the_random_instants_of_the_hourly_line_cover_every_hour_once() -> None:
    [(time, command)] = [entry for entry in entries() if "fleetledger extract" in entry[1]]
    assert time == "0 * * * *"
    assert " extract --spread 60m " in command


def test_the_first_night_shows_the_crontab() -> None:
    page = (ROOT / "docs/first-night.md").read_text(encoding="utf-8")
    assert "\n".join(f"{time} {command}" for time, command in entries()) in page


def test_the_crontab_lines_work_as_they_stand(api: Api, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "fleetledger").mkdir(parents=True)
    # A checkout after `make install`: its own .venv with the program in it.
    binary = Path(sys.executable).with_name("fleetledger")
    (home / "fleetledger/.venv/bin").mkdir(parents=True)
    (home / "fleetledger/.venv/bin/fleetledger").symlink_to(binary)
    (home / ".tensorone_api_key").write_text(f"{KEY}\n")
    # Found without --config: in the data directory.
    (home / "fleetledger/data").mkdir()
    (home / "fleetledger/data/settings.toml").write_text(SIMULATED)
    (home / ".tensorone_api_key").chmod(0o600)
    for command in commands():
        # As cron does it: /bin/sh, almost no environment.
        done = subprocess.run(  # noqa: S603 - our own crontab
            # Not an hour of waiting.
            ["/bin/sh", "-c", command.replace("--spread 60m", "--spread 1s")],
            env={
                "HOME": str(home),
                "PATH": "/usr/bin:/bin",
                "FLEETLEDGER_API_URL": api.url,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    stored = home / "fleetledger" / "data"
    ref = Store(str(stored)).snapshots()[0]
    assert ref.is_complete
    spread = Store(str(stored)).certificate(ref).spread
    assert spread is not None
    assert spread.seconds == 1
    assert (stored / "reports/latest/report.html").is_file()
