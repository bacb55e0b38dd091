"""Removes the secrets of a run from texts, however they are encoded.

The client applies it to every response before anything else reads it; the command line applies it
to everything that is printed, logged or recorded.

Method: escapes of JSON, HTML and URLs are decoded, nested ones too; the result is searched for any
ten consecutive characters of a secret, in upper or lower case, and for as much of its base64 at any
of the three alignments. Matches become stars. A line with a match stays decoded; other lines stay
unchanged.
Limits: a secret of fewer than eight characters is not searched for, since it would blank out
ordinary words; up to nine characters of a longer secret may remain.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.keys import Secret

STARS = "***"
SHORTEST = 8
PIECE = 10
"""Consecutive characters of a secret that count as the secret."""
PIECE_OF_BASE64 = 12
"""Nine characters of a secret: base64 of ten contains at least this many complete digits."""
DEEPEST = 5
"""Levels of nested escapes that are decoded."""

_ESCAPE = re.compile(
    # One set of first characters lets the search skip over all others.
    r"[\\%&](?:(?<=\\)\\*(?:u00([0-9A-Fa-f]{2})|x([0-9A-Fa-f]{2})|([!-~]))"
    r"|(?<=%)([0-9A-Fa-f]{2})"
    r"|(?<=&)(#[xX]?0*[0-9A-Fa-f]{2,3};?|[A-Za-z]{2,8};))"
)


@dataclass(frozen=True)
class Redactor:
    """Removes a set of secrets from texts."""

    _pieces: frozenset[str] = field(default=frozenset(), repr=False)
    _blocks: tuple[str, ...] = field(default=(), repr=False)
    """Each piece contains at least one of these: a fast test that a text has no piece."""

    @classmethod
    def of(cls, secrets: Iterable[Secret]) -> Redactor:
        """A redactor of ``secrets``."""
        pieces: set[str] = set()
        blocks: set[str] = set()
        for text in {secret.reveal() for secret in secrets}:
            if len(text) < SHORTEST:
                continue
            for form, length in _forms(text):
                size = min(length, len(form))
                pieces.update(form[at : at + size] for at in range(len(form) - size + 1))
                half = size // 2
                blocks.update(form[at : at + half] for at in range(0, len(form) - half + 1, half))
        return cls(frozenset(pieces), tuple(sorted(blocks)))

    def finds(self, text: str) -> bool:
        """Whether ``text`` holds a secret, or a piece of one."""
        plain = _lower(_unescaped(text))
        return any(block in plain for block in self._blocks) and any(self._spans(plain))

    def scrub(self, text: str) -> str:
        """``text`` with stars in place of secrets."""
        if not self.finds(text):
            return text
        return "\n".join(map(self._scrubbed_line, text.split("\n")))

    def scrub_all(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """``value`` with every text in it scrubbed, keys included."""
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, dict):
            return {self.scrub_all(name): self.scrub_all(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.scrub_all(inner) for inner in value]
        return value

    def _scrubbed_line(self, line: str) -> str:
        if not self.finds(line):
            return line
        plain = _unescaped(line)
        is_secret = bytearray(len(plain))
        for at, size in self._spans(_lower(plain)):
            is_secret[at : at + size] = b"\1" * size
        runs = groupby(zip(plain, is_secret, strict=True), key=lambda pair: pair[1])
        return "".join(STARS if hidden else "".join(c for c, _ in run) for hidden, run in runs)

    def _spans(self, plain: str) -> Iterator[tuple[int, int]]:
        """Start and length of each piece in ``plain``."""
        for size in sorted({len(piece) for piece in self._pieces}):
            for at in range(len(plain) - size + 1):
                if plain[at : at + size] in self._pieces:
                    yield at, size


def _forms(text: str) -> Iterator[tuple[str, int]]:
    """The encodings of a secret in a decoded text, and the length of a piece in each."""
    yield _lower(_unescaped(text)), PIECE
    for before in range(3):
        data = b"\0" * before + text.encode("utf-8", "surrogateescape")
        first, last = -(-before * 8 // 6), len(data) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield _lower(encode(data).decode()[first:last]), PIECE_OF_BASE64


def _lower(text: str) -> str:
    """``text`` in lower case, of the same length, so that positions stay the same."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _unescaped(text: str) -> str:
    """``text`` with its escapes decoded, nested ones too."""
    for _ in range(DEEPEST):
        if not ("\\" in text or "%" in text or "&" in text):
            break
        before, text = text, _ESCAPE.sub(_decoded, text)
        if text == before:
            break
    return text


def _decoded(match: re.Match[str]) -> str:
    """The character of an escape."""
    unicode, hexadecimal, character, percent, entity = match.groups()
    if entity:
        from html import unescape  # noqa: PLC0415 - its table of names takes longest to import

        return unescape(f"&{entity}")
    code = unicode or hexadecimal or percent
    return chr(int(code, 16)) if code else str(character)
