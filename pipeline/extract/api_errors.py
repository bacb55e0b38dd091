"""What the API says when it says no: two error envelopes, one typed value.

Envelope A is flat: ``{"error": "CODE", "message", "code": <status>, "details", "request_id"}``.
Envelope B is nested: ``{"success": false, "error": {"code": "CODE", "message", "details"}}``.
"""

from __future__ import annotations

import re
from typing import Self

from pipeline.errors import ApiError

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
"""All of an answer that a message may quote: the words around them are the sender's, and this
answers a request that carried a key."""

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


class UnusableResponseError(Exception):
    """An answer that is no answer: truncated, not JSON, another shape."""


class RefusedError(ApiError):
    """The API answered with an error of its own."""

    def __init__(
        self,
        code: str,
        *,
        request_id: str | None = None,
        status: int = 200,
        retry_after: float | None = None,
    ) -> None:
        self.code = code
        self.request_id = request_id
        self.status = status
        self.retry_after = retry_after
        """Seconds, if the body named them."""
        super().__init__(
            f"the API answered {code}" + (f" [request {request_id}]" if request_id else "")
        )

    def by(self, who: str) -> Self:
        """The same, its message led by who said it."""
        self.args = (f"{who}: {self}",)
        return self

    @property
    def is_permanent(self) -> bool:
        """Whether asking again cannot help."""
        return self.code in PERMANENT_CODES


def parse_refusal(answer: object, status: int = 200) -> RefusedError | None:
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
        _if_valid(code, _CODE) or f"HTTP {status}",
        request_id=_if_valid(identity, _REQUEST_ID),
        status=status,
        retry_after=float(wait) if isinstance(wait, (int, float)) and 0 <= wait < 1e6 else None,  # noqa: PLR2004
    )


def _meta_request_id(answer: dict[str, object]) -> object:
    meta = answer.get("meta")
    return meta.get("request_id") if isinstance(meta, dict) else None


def _if_valid(value: object, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
