"""What a command may load before it has work to do: an interactive answer must not wait for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.cli.commands.fleet import SORT_KEYS
from pipeline.transform.snapshot_queries import SORT_COLUMNS

HEAVY = ("altair", "jinja2", "numpy", "pandas", "pyarrow", "requests", "rich", "vl_convert")


@pytest.mark.parametrize(
    "arguments", ["--help", "findings --help", "--version", "nonsense", "clusters --sort-by x"]
)
def test_help_and_wrong_arguments_load_no_heavy_library(arguments: str) -> None:
    code = (
        "import sys; from pipeline.cli import cli\n"
        "try: cli.main(sys.argv[1:], prog_name='fleetledger', standalone_mode=False)\n"
        "except (SystemExit, Exception): pass\n"
        f"loaded = set(sys.modules) & set({HEAVY!r})\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    command = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr


def test_the_list_can_be_sorted_by_what_the_api_sorts_by() -> None:
    assert tuple(SORT_COLUMNS) == SORT_KEYS
