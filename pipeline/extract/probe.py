"""One page of the list, to see whether the API can be used; nothing is stored."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import ApiError
from pipeline.extract.budget import BudgetError, RequestBudget, Timing
from pipeline.extract.client import ApiTarget, Client
from pipeline.extract.decode import decode_page

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.settings import Extract

PAGE_SIZE = 10
ATTEMPTS, MAX_WAIT_SECONDS = 2, 10.0
"""A person waits for the result."""


@dataclass(frozen=True)
class Probe:
    """What one page shows."""

    size: int
    """Clusters on the page."""
    total_count: int | None
    """Clusters in the list, if the API counts them."""
    unusable: int
    """Records of the page with a field, or as a whole, that cannot be read."""
    server_time: datetime | None

    def skew_seconds(self, now: datetime) -> float | None:
        """How far the local clock, which shows ``now``, is ahead of the API's."""
        return None if self.server_time is None else (now - self.server_time).total_seconds()


def probe(api: ApiTarget, settings: Extract, timing: Timing | None = None) -> Probe:
    """The first page of the list.

    Raises:
        KeyRefusedError: the API does not accept the key.
        ApiError: no usable response.
    """
    brief = msgspec.structs.replace(
        settings,
        attempts=ATTEMPTS,
        max_wait_seconds=min(settings.max_wait_seconds, MAX_WAIT_SECONDS),
    )
    query: dict[str, str | int] = {} if api.version == "v2" else {"page": 1, "limit": PAGE_SIZE}
    with closing(Client(api, brief, RequestBudget(brief, timing or Timing()))) as client:
        try:
            fetched = client.get(query, lambda body: decode_page(body, api.version))
        except BudgetError as error:
            raise ApiError(
                f"{api.base_url}: {error.brief}; a snapshot waits for that, up to "
                f"extract.max_wait_seconds ({settings.max_wait_seconds:g} s)"
            ) from error
    page = fetched.page
    noted = sum(bool(note) for note in page.notes.values())
    return Probe(page.size, page.total_count, noted + len(page.quarantined), fetched.server_time)
