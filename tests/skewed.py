"""An API whose ``Date`` headers are wrong: wraps any ASGI app."""

from __future__ import annotations

from email.utils import format_datetime, parsedate_to_datetime
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def skewed(app: ASGIApp, off_by: Callable[[int], timedelta | None]) -> ASGIApp:
    """``app`` with the ``Date`` of its n-th answer (from 1) off by ``off_by(n)``; None: no Date."""
    numbers = count(1)

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        number = next(numbers)

        async def altered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                date = headers.pop(b"date")
                by = off_by(number)
                if by is not None:
                    when = parsedate_to_datetime(date.decode()) + by
                    headers[b"date"] = format_datetime(when, usegmt=True).encode()
                message = {**message, "headers": list(headers.items())}
            await send(message)

        await app(scope, receive, altered)

    return wrapped
