"""What the API says when it says no: two error envelopes, one typed value.

Envelope A is flat: ``{"error": "CODE", "message", "code": <status>, "details", "request_id"}``.
Envelope B is nested: ``{"success": false, "error": {"code": "CODE", "message", "details"}}``.
"""

from __future__ import annotations

import re
from typing import Self

from pipeline.errors import ApiError

LONGEST_TEXT = 300
"""Characters of the API's own words that reach a message."""

PERMANENT_CODES = frozenset(
    {
        "FORBIDDEN",
        "INVALID_PARAMETERS",
        "RESOURCE_NOT_FOUND",
        "SEMANTIC_ERROR",
        "STATE_CONFLICT",
        "UNAUTHORIZED",
        "VALIDATION_ERROR",
    }
)
"""Codes that mean the same however often one asks."""

KEY_CODES = frozenset({"FORBIDDEN", "UNAUTHORIZED"})


class UnusableError(Exception):
    """An answer that is no answer: truncated, not JSON, another shape."""


class RefusedError(ApiError):
    """The API answered with an error of its own."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: dict[str, str] | None = None,
        request_id: str | None = None,
        status: int = 200,
        retry_after: float | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.details = details or {}
        self.request_id = request_id
        self.status = status
        self.retry_after = retry_after
        """Seconds, if the body named them."""
        listed = "; ".join(f"{name}: {text}" for name, text in self.details.items())
        parts = [f"the API answered {code}: {message}" if message else f"the API answered {code}"]
        parts += [f"({listed})"] if listed else []
        parts += [f"[request {request_id}]"] if request_id else []
        super().__init__(" ".join(parts))

    def by(self, who: str) -> Self:
        """The same, its message led by who said it."""
        self.args = (f"{who}: {self}",)
        return self

    @property
    def is_permanent(self) -> bool:
        """Whether asking again cannot help."""
        return self.code in PERMANENT_CODES


def refusal_in(answer: object, status: int = 200) -> RefusedError | None:
    """The refusal a decoded answer holds, or None if it holds none."""
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    if isinstance(error, dict):
        envelope, code = error, error.get("code")
    elif isinstance(error, str):
        envelope, code = answer, error
    elif answer.get("success") is False:
        envelope, code = answer, answer.get("code")
    else:
        return None
    details = envelope.get("details")
    details = details if isinstance(details, dict) else {}
    wait = details.get("retry_after")
    identity = answer.get("request_id") or _meta_request_id(answer)
    return RefusedError(
        clean(code) if isinstance(code, str) and code else f"HTTP {status}",
        clean(envelope.get("message")),
        details={clean(name): clean(value) for name, value in list(details.items())[:10]},
        request_id=clean(identity) if isinstance(identity, str) else None,
        status=status,
        retry_after=float(wait) if isinstance(wait, (int, float)) and 0 <= wait < 1e6 else None,  # noqa: PLR2004
    )


def _meta_request_id(answer: dict[str, object]) -> object:
    meta = answer.get("meta")
    return meta.get("request_id") if isinstance(meta, dict) else None


def clean(value: object) -> str:
    """Words of the API on one printable line of bounded length."""
    text = "" if value is None else value if isinstance(value, str) else repr(value)
    text = text[: 4 * LONGEST_TEXT]
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r" +", " ", text).strip()[:LONGEST_TEXT]
