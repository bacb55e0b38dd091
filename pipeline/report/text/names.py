"""Names from outside, made safe to show.

A name is data from outside: it may hold control characters, direction overrides that reorder the
text around them, or ten thousand letters. Escaping is the template's job; here a name only becomes
something that can be shown without misleading the reader. The CSV keeps it whole.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from pipeline.report.text.numbers import UNKNOWN, known

LONGEST = 48
_UNPRINTABLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_MOST_OF_SLUG = 40
"""Letters: a file's name in the store has 64 at most."""
_SAFE_ID = re.compile(r"^[A-Za-z][A-Za-z0-9_.-]{0,127}$")


def shown(text: str | None, longest: int = LONGEST) -> str:
    """``text`` on one line, printable, shortened in the middle; a dash where there is none."""
    if known(text) is None or not str(text).strip():
        return UNKNOWN
    # Cut first, so that a very long name costs no more time than it is shown.
    clean = "".join(
        _REPLACEMENT if unicodedata.category(c) in _UNPRINTABLE else c
        for c in (str(text) if len(str(text)) <= 4 * longest else _middle(str(text), 4 * longest))
    )
    return _middle(" ".join(clean.split()), longest)


def label(name: str | None, cluster_id: str, longest: int = LONGEST) -> str:
    """What to call a cluster: its name, else its id."""
    own = shown(name, longest)
    return shown(cluster_id, longest) if own == UNKNOWN else own


def anchor(cluster_id: str, account: str | None = None) -> str:
    """The row's id in the page: the cluster's own id where that is safe, and stable always.

    ``account`` is given where the same id occurs in more than one of them.
    """
    if account is None and _SAFE_ID.match(cluster_id):
        return cluster_id
    digest = hashlib.sha256(f"{account or ''}\0{cluster_id}".encode("utf-8", "replace"))
    return f"cluster-{digest.hexdigest()[:16]}"


def _middle(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = (longest - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def slug(*parts: str) -> str:
    """A part of a file's name for what ``parts`` name: their first letters, and a digest that
    differs for each.
    """
    words = "-".join(re.findall(r"[a-z0-9]+", "-".join(parts).lower()))[:_MOST_OF_SLUG]
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{words}-{digest[:6]}".lstrip("-")
