"""Pseudonyms: what stands for a name where the settings hide names.

A pseudonym is a keyed digest of the name, such as ``project-3f9a1c07``: the same wherever and
whenever the same key is used, and without the key it cannot be computed from a guessed name. Two
names can share one, about once in a fleet of 90,000; nothing is grouped by the names of clusters.
"""

from __future__ import annotations

import hmac
import re
import secrets

KEY_BYTES = 16
_DIGITS = 8
_FORM = re.compile(rf"[a-z]+-[0-9a-f]{{{_DIGITS}}}\Z")


def new_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(KEY_BYTES)


def pseudonym(key: bytes, kind: str, text: str) -> str:
    """What stands for the name ``text`` of a ``kind``, such as ``cluster``."""
    data = f"{kind}:{text}".encode("utf-8", "surrogatepass")
    return f"{kind}-{hmac.new(key, data, 'sha256').hexdigest()[:_DIGITS]}"


def is_pseudonym(text: str) -> bool:
    """Whether ``text`` has the form of one."""
    return _FORM.match(text) is not None
