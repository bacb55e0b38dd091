"""What readers of the page and of the mail's text see in each state, against tests/gold/."""

from __future__ import annotations

import pytest

from pipeline.report.output import render
from pipeline.report.view import build
from tests.report.factories.states import STATES
from tests.report.page_text import page_text
from tests.report.test_gold import LINK, REST, check

SAME_IN_ALL = "\nMethod\n"
"""What follows does not depend on the state."""


@pytest.mark.parametrize("name", STATES)
def test_gold_state(name: str) -> None:
    view = build(STATES[name]())
    page = page_text(render.html(view))
    assert SAME_IN_ALL in page
    mail = render.mail_text(view, LINK, REST)
    check(f"{name}.state.txt", f"{page.split(SAME_IN_ALL)[0]}\n\n=== mail ===\n\n{mail}")
