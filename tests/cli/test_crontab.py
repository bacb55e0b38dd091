"""The crontab lines work as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.conftest import KEY, ROOT, SIMULATED

if TYPE_CHECKING:
    from tests.cli.conftest import Api


def test_the_crontab_lines_work_as_they_stand(api: Api, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "fleetledger").mkdir(parents=True)
    # A checkout after `make install`: its own .venv with the program in it.
    binary = Path(sys.executable).with_name("fleetledger")
    (home / "fleetledger/.venv/bin").mkdir(parents=True)
    (home / "fleetledger/.venv/bin/fleetledger").symlink_to(binary)
    (home / ".tensorone_api_key").write_text(f"{KEY}\n")
    config = home / "simulated.toml"
    config.write_text(SIMULATED)
    (home / ".tensorone_api_key").chmod(0o600)
    lines = [
        line.split(maxsplit=5)[5]
        for line in (ROOT / "deploy/crontab").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    for command in lines:
        # As cron does it: /bin/sh, almost no environment.
        done = subprocess.run(  # noqa: S603 - our own crontab
            ["/bin/sh", "-c", command],
            env={
                "HOME": str(home),
                "PATH": "/usr/bin:/bin",
                "FLEETLEDGER_API_URL": api.url,
                "FLEETLEDGER_CONFIG": str(config),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    stored = home / "fleetledger" / "data"
    assert list((stored / "snapshots").rglob("*-complete.parquet"))
    assert (stored / "reports/latest/report.html").is_file()
