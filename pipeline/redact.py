"""What must never leave: the secrets of a run, recognised however they are written.

One frozen value knows them. The client asks it about every answer before anything reads it; the
command line asks it about everything before it is printed, logged or kept.

Method: a text is first unfolded (JSON, HTML and URL escapes, nested ones too), then searched for
any ten characters in a row of a secret, in upper or lower case, or for as much of its base64 at any
of the three alignments. What is found becomes stars. A line with a secret stays unfolded; all
others stay as they were.
Known limits: a secret of fewer than eight characters is not looked for, since it would blank out
ordinary words; up to nine characters of a longer one may remain.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from html import unescape
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.keys import Secret

STARS = "***"
SHORTEST = 8
PIECE = 10
"""Characters in a row of a secret that give it away."""
PIECE_OF_BASE64 = 12
"""Nine characters' worth: ten that were encoded by themselves hold so many whole ones."""
DEEPEST = 5
"""Escapes within escapes that are undone."""

_ESCAPE = re.compile(
    # One set of first characters lets the search skip over all others.
    r"[\\%&](?:(?<=\\)\\*(?:u00([0-9A-Fa-f]{2})|x([0-9A-Fa-f]{2})|([!-~]))"
    r"|(?<=%)([0-9A-Fa-f]{2})"
    r"|(?<=&)(#[xX]?0*[0-9A-Fa-f]{2,3};?|[A-Za-z]{2,8};))"
)


@dataclass(frozen=True)
class Redactor:
    """Knows the secrets of a run, and takes them out of whatever it is shown."""

    _pieces: frozenset[str] = field(default=frozenset(), repr=False)
    _blocks: tuple[str, ...] = field(default=(), repr=False)
    """Every piece holds one of these whole: the fast way to see that there is none."""

    @classmethod
    def of(cls, secrets: Iterable[Secret]) -> Redactor:
        """A redactor of ``secrets``."""
        pieces: set[str] = set()
        blocks: set[str] = set()
        for text in {secret.reveal() for secret in secrets}:
            if len(text) < SHORTEST:
                continue
            for form, size in _forms(text):
                whole = min(size, len(form))
                pieces.update(form[at : at + whole] for at in range(len(form) - whole + 1))
                half = whole // 2
                blocks.update(form[at : at + half] for at in range(0, len(form) - half + 1, half))
        return cls(frozenset(pieces), tuple(sorted(blocks)))

    def finds(self, text: str) -> bool:
        """Whether ``text`` holds a secret, or a piece of one."""
        plain = _lower(_unfolded(text))
        return any(block in plain for block in self._blocks) and any(self._spans(plain))

    def scrub(self, text: str) -> str:
        """``text`` with stars in place of secrets."""
        if not self.finds(text):
            return text
        return "\n".join(map(self._scrubbed_line, text.split("\n")))

    def scrub_all(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """``value`` with every text in it scrubbed, names of members too."""
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
        plain = _unfolded(line)
        is_secret = bytearray(len(plain))
        for at, size in self._spans(_lower(plain)):
            is_secret[at : at + size] = b"\1" * size
        runs = groupby(zip(plain, is_secret, strict=True), key=lambda pair: pair[1])
        return "".join(STARS if hidden else "".join(c for c, _ in run) for hidden, run in runs)

    def _spans(self, plain: str) -> Iterator[tuple[int, int]]:
        """Where pieces begin, and how long each is."""
        for size in sorted({len(piece) for piece in self._pieces}):
            for at in range(len(plain) - size + 1):
                if plain[at : at + size] in self._pieces:
                    yield at, size


def _forms(text: str) -> Iterator[tuple[str, int]]:
    """The ways a secret may stand in an unfolded text, and how much of each gives it away."""
    yield _lower(_unfolded(text)), PIECE
    for before in range(3):
        data = b"\0" * before + text.encode("utf-8", "surrogateescape")
        first, whole = -(-before * 8 // 6), len(data) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield _lower(encode(data).decode()[first:whole]), PIECE_OF_BASE64


def _lower(text: str) -> str:
    """ASCII letters in lower case: no other change, so that places stay the same."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _unfolded(text: str) -> str:
    """``text`` with its escapes undone, those within escapes too."""
    for _ in range(DEEPEST):
        if not ("\\" in text or "%" in text or "&" in text):
            break
        before, text = text, _ESCAPE.sub(_meant, text)
        if text == before:
            break
    return text


def _meant(match: re.Match[str]) -> str:
    """The character an escape stands for."""
    unicode, hexadecimal, character, percent, entity = match.groups()
    if entity:
        return unescape(f"&{entity}")
    code = unicode or hexadecimal or percent
    return chr(int(code, 16)) if code else str(character)
