"""A report as a message: what is attached, and that no fleet makes it too large."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pipeline.deliver.mail import send
from pipeline.jobs import Job
from pipeline.jobs.report_mail import MOST_BYTES, message
from pipeline.keys import Secret
from pipeline.report.view import build
from pipeline.settings import Mail, Settings
from pipeline.store import Store
from tests.report.factories.clusters import DAY
from tests.report.factories.results import full

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deliver.conftest import Server

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def composed(
    folder: Path, mail: Mail, *, csv: int = 10, row: int = 0, rows: int = 1
) -> tuple[bytes, Any]:
    """The message of ``full``, each row with ``row`` letters and repeated ``rows`` times."""
    inputs = full()
    view = build(inputs)
    table = view.findings
    grown = tuple(
        msgspec.structs.replace(each, anchor=f"{each.anchor}-{n}" if n else each.anchor,
                                why="w" * row)
        for n in range(rows) for each in table.rows
    )  # fmt: skip
    view = msgspec.structs.replace(view, findings=msgspec.structs.replace(table, rows=grown))
    job = Job(Store(str(folder)), Settings(), lambda *_: Secret("a-good-key"), lambda: NOW)
    raw = message(job, mail, DAY, inputs, view, {"findings.csv": b"x" * csv})
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def attached(read: Any) -> dict[str, bytes]:  # noqa: ANN401 - the parser's type
    return {p.get_filename(): p.get_payload(decode=True) for p in read.iter_attachments()}


def words(read: Any) -> str:  # noqa: ANN401 - the parser's type
    return " ".join(read.get_body(("plain",)).get_content().split())


def test_the_attached_page_has_no_script_and_all_rows(tmp_path: Path) -> None:
    _, read = composed(tmp_path, Mail(to=("a@example.com",)))
    page = attached(read)["report.html"].decode()
    assert sorted(attached(read)) == ["findings.csv", "report.html"]
    assert "<script" not in page
    assert "script-src" not in page
    assert page.count('class="finding"') == len(build(full()).findings.rows)


@pytest.mark.parametrize(
    ("size", "names", "sentence"),
    [
        ({"csv": 900_000}, ["report.html"], "findings.csv is too large for a mail"),
        ({"row": 3_000, "rows": 60}, ["report.html"], "The attached report has"),
        ({"row": 300_000, "rows": 3}, [], "The full report and findings.csv are in"),
    ],
)
def test_a_message_stays_below_1_mb_and_says_where_the_rest_is(
    tmp_path: Path, plain_server: Server, size: dict[str, int], names: list[str], sentence: str
) -> None:
    mail = plain_server.settings(security="none", timeout_seconds=30.0)
    raw, read = composed(tmp_path, mail, **size)
    assert len(raw) <= MOST_BYTES == 1_000_000
    assert list(attached(read)) == names
    assert sentence in words(read)
    assert set(send(read, mail, None).values()) == {""}
    assert len(plain_server.inbox.bodies[0]) <= MOST_BYTES


def test_without_attachments_the_mail_says_where_the_report_is(tmp_path: Path) -> None:
    _, read = composed(tmp_path, Mail(to=("a@example.com",), attach="none"))
    assert attached(read) == {}
    assert f"The full report and findings.csv are in the folder reports/{DAY}" in words(read)
