"""What the redactor takes out, and what it leaves as it was."""

from __future__ import annotations

import time

import pytest

from pipeline.keys import Secret
from pipeline.redact import Redactor

KEY = "tpo_live_k9/Zq+47bXw2mTf8-RcVd3"
ONE = Redactor.of([Secret(KEY)])


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"a {KEY} b", "a *** b"),
        (f"{KEY}{KEY}", "***"),
        ("a " + KEY.replace("/", "\\/") + " b", "a *** b"),
        ("café " + "".join(f"\\u{ord(c):04x}" for c in KEY), "café ***"),
        (f"{KEY[:10]}…", "***…"),
        (f"{KEY[:9]}…", f"{KEY[:9]}…"),
    ],
)
def test_what_gives_the_key_away_becomes_stars(text: str, scrubbed: str) -> None:
    assert ONE.scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    ["", "nothing %41 &amp; \\u0041 \\/ here", "\\" * 5000, "%25" * 5000, "İ" * 50, "\ud800"],
)
def test_a_text_without_a_secret_stays_as_it_was(text: str) -> None:
    assert ONE.scrub(text) == text
    assert Redactor().scrub(text) == text


def test_only_the_line_with_the_secret_is_unfolded() -> None:
    assert ONE.scrub(f"a\\/b\n{KEY}\\/\nc\\/d") == "a\\/b\n***/\nc\\/d"


def test_every_text_of_a_value_is_scrubbed_and_nothing_else_changes() -> None:
    value = {KEY: [KEY, 1, None, True, 2.5], "b": ("c", {"d": f"x{KEY}"})}
    assert ONE.scrub_all(value) == {"***": ["***", 1, None, True, 2.5], "b": ["c", {"d": "x***"}]}


def test_several_secrets_are_known_and_none_is_printed_by_the_value_itself() -> None:
    two = Redactor.of([Secret(KEY), Secret("another-secret"), Secret("short")])
    assert two.scrub(f"{KEY} another-secret short") == "*** *** short"
    assert KEY[:10] not in repr(two)


def test_a_page_without_a_secret_costs_little() -> None:
    body = '{"id": "c-1", "name": "caf\\u00e9", "url": "https:\\/\\/x.example.com"},' * 20_000
    began = time.process_time()
    assert not ONE.finds(body)
    assert time.process_time() - began < 2  # 1.3 MB; a character at a time takes longer
