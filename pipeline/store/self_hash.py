"""A seal: the hash of a file inside the file, which reveals any flipped bit.

The file contains ``fleetledger-seal:sha256:`` and 64 hexadecimal digits: the SHA-256 of the whole
file with those digits taken as zeros. One write stores the content and its seal together, so they
cannot be separated. Parquet's own page checksums do not cover the footer.
"""

from __future__ import annotations

import hashlib

_MARK = b"fleetledger-seal:sha256:"
_ZEROS = b"0" * 64
BLANK = (_MARK + _ZEROS).decode()
"""What an encoder writes in place of the seal, after everything a user can write."""


def seal(data: bytes) -> bytes:
    """``data`` with its last :data:`BLANK` filled in."""
    start = _digits(data)
    if start is None or data[start : start + 64] != _ZEROS:
        raise ValueError("the data has no blank seal")
    return b"".join((data[:start], _hash(data, start), data[start + 64 :]))


def is_intact(data: bytes) -> bool:
    """Whether ``data`` is, bit for bit, what was sealed."""
    start = _digits(data)
    return start is not None and data[start : start + 64] == _hash(data, start)


def sealed_text(content: bytes) -> bytes:
    """``content`` and a last line that seals it."""
    return seal(content + b"\n# " + BLANK.encode() + b"\n")


def unsealed_text(data: bytes) -> bytes | None:
    """The content of a :func:`sealed_text`; None if ``data`` is damaged."""
    tail = len(b"\n# ") + len(BLANK) + 1
    return data[:-tail] if is_intact(data) and _digits(data) == len(data) - 65 else None


def _digits(data: bytes) -> int | None:
    """The position of the 64 digits of the last seal."""
    mark = data.rfind(_MARK)
    return None if mark < 0 else mark + len(_MARK)


def _hash(data: bytes, start: int) -> bytes:
    view = memoryview(data)
    digest = hashlib.sha256(view[:start])
    digest.update(_ZEROS)
    digest.update(view[start + 64 :])
    return digest.hexdigest().encode()
