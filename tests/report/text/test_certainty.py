"""What may be claimed at a grade."""

from __future__ import annotations

import pytest

from pipeline.report.text.certainty import wasted


@pytest.mark.parametrize(
    ("grade", "words"),
    [
        ("proven", "was provably wasted"),
        (None, "was provably wasted"),
        ("likely", "may have been wasted: likely, not proven"),
        ("suspected", "may have been wasted: suspected, not proven"),
    ],
)
def test_only_proven_waste_is_called_wasted(grade: str | None, words: str) -> None:
    assert wasted(grade) == words
