"""`make focus-validate` finds a Python 3.12 that runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def python312(folder: Path, **environment: str) -> tuple[int, str]:
    """The script in a world whose only Pythons are in ``folder``."""
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/bash", ROOT / ".ci" / "python312"],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip()


def test_a_shim_of_pyenv_that_does_not_run_gives_way_to_an_installed_version(
    tmp_path: Path,
) -> None:
    program(tmp_path / "python3.12", "exit 127")
    program(tmp_path / "pyenv", f"echo {tmp_path}/pyenv-root")
    installed = program(tmp_path / "pyenv-root/versions/3.12.1/bin/python", "exit 0")
    assert python312(tmp_path) == (0, str(installed))


def test_the_one_that_is_named_comes_first(tmp_path: Path) -> None:
    program(tmp_path / "python3.12", "exit 0")
    named = program(tmp_path / "named", "exit 0")
    assert python312(tmp_path, PYTHON312=str(named)) == (0, str(named))


def test_without_any_it_fails_and_prints_nothing(tmp_path: Path) -> None:
    program(tmp_path / "python3.12", "exit 1")
    assert python312(tmp_path) == (1, "")
