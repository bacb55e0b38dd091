"""The W3C's validator accepts every page and mail, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from pipeline.report.output import render
from pipeline.report.sections.failure import failure
from tests.report.factories.clusters import DAY
from tests.report.factories.results import SETS
from tests.report.test_gold import LINK, REST

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.report.model import ReportView

JAR = os.environ.get("VNU_JAR", "")


@pytest.mark.skipif(not shutil.which("java"), reason="no Java on this machine")
@pytest.mark.skipif(not JAR, reason="VNU_JAR does not name the validator (npm pack vnu-jar)")
def test_the_validator_has_no_error_and_no_warning(
    views: dict[str, ReportView], tmp_path: Path
) -> None:
    for name in SETS:
        view, pictures = views[name], render.mail_pictures(views[name])
        pages = {
            "page": render.html(view),
            "attached": render.html(view, has_script=False),
            "mail": render.mail_html(view, LINK, pictures, REST),
        }
        for kind, page in pages.items():
            (tmp_path / f"{name}.{kind}.html").write_text(page, encoding="utf-8")
    night = failure({"default": "no answer"}, "no API", DAY, DAY, "known", LINK)
    (tmp_path / "failure.html").write_text(render.failure_html(night), encoding="utf-8")
    command = ["java", "-Xss2m", "-jar", JAR, "--format", "gnu", *map(str, tmp_path.iterdir())]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (result.stdout + result.stderr).splitlines() == []
    assert result.returncode == 0
