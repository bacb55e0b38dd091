"""What a command may load before it has work to do: an interactive answer must not wait for it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline.cli.commands.fleet import SORT_KEYS
from pipeline.transform.snapshot_queries import SORT_COLUMNS

if TYPE_CHECKING:
    from tests.cli.conftest import Ran, Run

HEAVY = ("jinja2", "numpy", "pandas", "pyarrow", "requests", "rich", "smtplib", "vl_convert")
NEEDED_LATER = ("secrets", "socket", "tempfile", "tomllib")
"""Modules of Python that no help needs, a fifth of its start together."""


@pytest.mark.parametrize(
    "arguments",
    ["--help", "findings --help", "--version", "nonsense", "clusters --sort-by x", "what-if"],
)
def test_help_and_wrong_arguments_load_no_heavy_library(arguments: str) -> None:
    heavy = (*HEAVY, *NEEDED_LATER) if arguments.endswith("help") else HEAVY
    code = (
        "import sys; from pipeline.cli import cli\n"
        "try: cli.main(sys.argv[1:], prog_name='fleetledger', standalone_mode=False)\n"
        "except (SystemExit, Exception): pass\n"
        f"loaded = set(sys.modules) & set({heavy!r})\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    command = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr


def loaded(ran: Ran) -> set[str]:
    """The top-level packages that a run with PYTHONPROFILEIMPORTTIME imported."""
    return set(re.findall(r"^import time:.*\| +(\w+)$", ran.err, re.MULTILINE))


def test_status_loads_no_heavy_library(history: Run) -> None:
    ran = history("status", as_process=True, PYTHONPROFILEIMPORTTIME="1")
    assert ran.code == 0
    assert "newest complete 2026-03-04" in ran.out
    assert "click" in loaded(ran)
    assert not loaded(ran) & set(HEAVY)


def test_extract_imports_no_pandas_of_its_own() -> None:
    # pyarrow does, at the first ``pa.array`` of a walk: this is what we can save.
    code = (
        "import sys, pipeline.jobs.extract, pipeline.store.snapshots\n"
        "sys.exit(str({'vl_convert', 'jinja2', 'pandas'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603 - ours
    assert done.stderr.strip() == b""


def test_the_list_can_be_sorted_by_what_the_api_sorts_by() -> None:
    assert tuple(SORT_COLUMNS) == SORT_KEYS
