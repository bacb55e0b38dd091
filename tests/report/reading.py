"""Reads what a report shows, with plain spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.text.numbers import NBSP

if TYPE_CHECKING:
    from pipeline.report.model import Fact, ReportView, Section, Table


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def section_of(view: ReportView, key: str) -> Section:
    (section,) = (
        candidate
        for candidate in (*view.before_findings, *view.after_findings)
        if candidate.key == key
    )
    return section


def sentences(section: Section | None) -> list[str]:
    assert section is not None
    return [plain(sentence) for sentence in section.sentences]


def table(section: Section | None, caption: str) -> Table:
    assert section is not None
    (match,) = (candidate for candidate in section.tables if candidate.caption.startswith(caption))
    return match


def fact(facts: tuple[Fact, ...], term: str) -> Fact:
    (match,) = (candidate for candidate in facts if candidate.term == term)
    return match
