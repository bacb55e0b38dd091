"""Error responses of the API: two envelopes, one typed value.

Envelope A is flat: ``{"error": "CODE", "message", "code": <status>, "details", "request_id"}``.
Envelope B is nested: ``{"success": false, "error": {"code": "CODE", "message", "details"}}``.
"""

from __future__ import annotations

import re
from typing import Self

from pipeline.errors import ApiError

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
"""A message quotes nothing but the code and the request id of a response: any other text is the
sender's, and the request carried a key."""

MAX_RETRY_AFTER_SECONDS = 1e6

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
"""Codes that do not change when the request is repeated."""

KEY_CODES = frozenset({"FORBIDDEN", "UNAUTHORIZED"})


class UnusableResponseError(Exception):
    """The response cannot be used: truncated, not JSON, or of another shape."""


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
        """Seconds, if the body names them."""
        super().__init__(
            f"the API answered {code}" + (f" [request {request_id}]" if request_id else "")
        )

    def with_prefix(self, prefix: str) -> Self:
        """The same error, with ``prefix`` (the address) at the start of its message."""
        self.args = (f"{prefix}: {self}",)
        return self

    @property
    def is_permanent(self) -> bool:
        """Whether repeating the request cannot help."""
        return self.code in PERMANENT_CODES


def parse_refusal(response: object, status: int = 200) -> RefusedError | None:
    """The error in a decoded response; None if it is not an error response."""
    if not isinstance(response, dict):
        return None
    error = response.get("error")
    if isinstance(error, dict):
        envelope, code = error, error.get("code")
    elif isinstance(error, str):
        envelope, code = response, error
    elif response.get("success") is False:
        envelope, code = response, response.get("code")
    else:
        return None
    details = envelope.get("details")
    wait = details.get("retry_after") if isinstance(details, dict) else None
    is_wait = isinstance(wait, (int, float)) and 0 <= wait < MAX_RETRY_AFTER_SECONDS
    request_id = response.get("request_id") or _meta_request_id(response)
    return RefusedError(
        _if_valid(code, _CODE) or f"HTTP {status}",
        request_id=valid_request_id(request_id),
        status=status,
        retry_after=float(wait) if is_wait else None,  # type: ignore[arg-type]
    )


def valid_request_id(value: object) -> str | None:
    """``value`` if it can be a request id: it is printed, and stored in certificates."""
    return _if_valid(value, _REQUEST_ID)


def _meta_request_id(response: dict[str, object]) -> object:
    meta = response.get("meta")
    return meta.get("request_id") if isinstance(meta, dict) else None


def _if_valid(value: object, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
