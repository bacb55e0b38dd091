"""JSON decoders that threads may use at once.

msgspec crashes the process if several threads prepare the same type at the same time, which
the first reads of ``check`` did. So a decoder is prepared by one thread, once.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_preparing = Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of ``kind``."""
    with _preparing:
        if kind not in _decoders:
            _decoders[kind] = msgspec.json.Decoder(kind)
        return _decoders[kind]
