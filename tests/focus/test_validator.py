"""The official validator, where it is installed (`make focus-validate`).

The rules that fail are those that no file can pass; docs/focus-conformance.md has the reasons.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from pipeline.focus.output import writer
from pipeline.focus.rows import NEEDED, Billing, focus_rows
from tests.focus.conftest import exported
from tests.transform.conftest import make_ledger, make_row

if TYPE_CHECKING:
    from pipeline.jobs import Job

ROOT = Path(__file__).parent.parent.parent
GATE = ROOT / ".ci" / "focus_gate.py"
PYTHON = ROOT / ".venv-focus" / "bin" / "python"
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="focus-validator needs its own Python 3.12: make focus-validate"
)

NEVER_PASS = {"InvoiceId-C-005-C"}
"""Contradicts InvoiceId-C-004-C: one demands null, the other a value, both without a condition."""
NOT_ASCII = {"ResourceName-C-000-C", "ResourceName-C-002-M"}
"""Demand ASCII, which the specification does not; names are never changed."""
KINDS = ("csv", "parquet")
Kind = Literal["csv", "parquet"]


def failed(path: Path) -> set[str]:
    done = subprocess.run(  # noqa: S603 - our own program
        [str(PYTHON), str(GATE), str(path)], capture_output=True, text=True, check=True
    )
    outcome = json.loads(done.stdout)
    print(path.name, outcome)  # noqa: T201 - shown by `make focus-validate`
    # A file without the columns of which the rules speak would pass as well.
    assert outcome["passed"] >= 217
    return set(outcome["failed"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_simulated_history_fails_only_what_no_file_passes(
    job: Job, tmp_path: Path, kind: Kind
) -> None:
    path = tmp_path / f"history.{kind}"
    path.write_bytes(exported(job, kind))
    assert failed(path) == NEVER_PASS | NOT_ASCII


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_and_whole_numbers_fail_nothing_more(tmp_path: Path, kind: Kind) -> None:
    nothing = dict.fromkeys(("spend_micros", "spend_low_micros", "spend_high_micros"))
    unknown = dict.fromkeys(("project_id", "region", "gpu_type", "gpu_count", "template_id"))
    stopped = {"spend_micros": 2_000_000, "stopped_spend_micros": 2_000_000}
    ledger = make_ledger(
        make_row("2026-02-28", cluster_id="c1"),
        make_row("2026-03-01", cluster_id="c1", hours=12, **stopped),
        make_row("2026-03-01", cluster_id="c2", hours=0, **stopped),
        make_row("2026-03-01", cluster_id="c3", **nothing, **unknown, hourly_rate_micros=None),
    )
    billing = Billing("USD", {"default": ("acct-7", "Seven")})
    path = tmp_path / f"small.{kind}"
    with path.open("wb") as file, writer(file, kind, "1.2") as write:
        write(focus_rows(ledger[list(NEEDED)].assign(owner=None), billing, "1.2"))
    assert failed(path) == NEVER_PASS
