"""Text of the API as an assistant gets it: on one line, not endless, hidden if the settings say so.

A hidden name is a pseudonym: that of the reports where these have some (``report.hide_names``),
else one of this run of the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.assistants.answers import FromApi
from pipeline.pseudonyms import new_key, pseudonym

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_LONGEST = 200
_LEAST_LETTERS = 3
"""Shorter names are not searched for in sentences: they are parts of other words."""


class ApiText:
    """Writes texts of the API; ``hides`` names, projects and owners, with the pseudonyms of
    ``key``.
    """

    def __init__(
        self, *, hides: bool, scrub: Callable[[str], str], key: bytes | None = None
    ) -> None:
        self.hides = hides
        self._scrub = scrub
        self._key = key or new_key()
        self._hidden: dict[str, str] = {}

    def plain(self, text: object) -> str | None:
        """``text`` on one line, with no control characters and no secrets; None is unknown."""
        if text is None or text != text:  # noqa: PLR0124 - NaN is not itself
            return None
        line = "".join(c if c.isprintable() else " " for c in self._scrub(str(text)))
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"

    def name(self, kind: str, text: object) -> str | None:
        """A name that may have to be hidden; ``kind`` begins its pseudonym."""
        line = self.plain(text)
        if line is None or not self.hides:
            return line
        self._hidden[str(text)] = pseudonym(self._key, kind, str(text))
        return self._hidden[str(text)]

    def sentence(self, text: object) -> str:
        """A sentence of ours that may quote a name."""
        line = "".join(c if c.isprintable() else " " for c in self._scrub(str(text)))
        for name in sorted(self._hidden, key=len, reverse=True):
            if len(name) >= _LEAST_LETTERS:
                line = line.replace(name, self._hidden[name])
        return line

    def of(self, row: Mapping[Any, Any]) -> FromApi:
        """The texts of a row of any table."""
        return FromApi(
            name=self.name("cluster", row.get("name")),
            project=self.name("project", row.get("project_id")),
            region=self.plain(row.get("region")),
            gpu_type=self.plain(row.get("gpu_type")),
            status=self.plain(row.get("status")),
        )
