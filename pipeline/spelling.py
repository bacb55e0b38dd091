"""Suggests what a mistyped word may have meant, and only where one is near."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEAR = 0.6
"""The least similarity of a suggestion: about one wrong letter in three."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``word`` most likely meant; None if none is near."""
    return next(iter(near(word, known, most=1)), None)


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Those of ``known`` that are near ``word``, the nearest first; case does not count."""
    texts: dict[str, str] = {}
    for text in known:
        texts.setdefault(text.lower(), text)
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    matches = get_close_matches(word.lower(), texts, n=most, cutoff=_NEAR)
    return [texts[text] for text in matches]
