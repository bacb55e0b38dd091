from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.text import names
from pipeline.report.text.numbers import UNKNOWN


def test_a_cluster_without_a_name_is_called_by_its_id() -> None:
    assert names.label(None, "cluster_a1") == "cluster_a1"
    assert names.label("  ", "cluster_a1") == "cluster_a1"
    assert names.label("train", "cluster_a1") == "train"


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert names.shown("a" * 5_000 + "-17") == "a" * 31 + "…" + "a" * 13 + "-17"


def test_what_reorders_or_hides_text_becomes_visible() -> None:
    assert (
        names.shown("\u202egnp.exe\x00")
        == "\N{REPLACEMENT CHARACTER}gnp.exe\N{REPLACEMENT CHARACTER}"
    )


@given(st.text())
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    shown = names.shown(text)
    assert 0 < len(shown) <= names.LONGEST
    assert shown == UNKNOWN or all(c.isprintable() or c == " " for c in shown)


def test_an_anchor_is_the_id_itself_where_that_is_safe() -> None:
    assert names.anchor("cluster_a1") == "cluster_a1"
    assert names.anchor("section:filter") != "section:filter"
    assert names.anchor('" onload="') == names.anchor('" onload="')


def test_the_same_id_in_two_accounts_has_two_anchors() -> None:
    assert names.anchor("cluster_a1", "one") != names.anchor("cluster_a1", "two")
