"""Faults of well-formed responses: wrong pages, wrong counts, invalid records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.simulator.bad_records import KINDS, damage
from pipeline.simulator.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.simulator.page import Page


def empty() -> Fault:
    """No clusters on the page, although the pagination counts them."""
    return Fault("empty", on_page=lambda page: page.clusters.clear())


def short(missing: int = 3) -> Fault:
    """The last few clusters of the page are missing."""

    def on_page(page: Page) -> None:
        del page.clusters[max(0, len(page.clusters) - missing) :]

    return Fault("short", on_page=on_page)


def repeated() -> Fault:
    """The clusters of the previous page again."""

    def on_page(page: Page) -> None:
        page.clusters[:] = page.previous or page.clusters

    return Fault("repeated", on_page=on_page)


def stale(seconds: int = 3600) -> Fault:
    """An old page, as from a cache."""
    return Fault("stale", stale_seconds=seconds)


def always_has_next() -> Fault:
    """Every page claims that there is a next one."""
    return Fault("always has_next", on_page=lambda page: page.pagination.update(has_next=True))


def never_has_next() -> Fault:
    """The page claims to be the last one."""
    return Fault("never has_next", on_page=lambda page: page.pagination.update(has_next=False))


def miscounted(by: int) -> Fault:
    """``total_count`` is wrong, and ``total_pages`` agrees with it."""

    def on_page(page: Page) -> None:
        count, limit = page.pagination["total_count"], page.pagination["per_page"]
        if isinstance(count, int) and isinstance(limit, int):
            claimed = max(0, count + by)
            page.pagination.update(total_count=claimed, total_pages=-(-claimed // limit))

    return Fault(f"miscounted {by:+d}", on_page=on_page)


def damaged(kinds: Sequence[str] = tuple(KINDS), every: int = 5) -> Fault:
    """About one cluster in ``every`` has a record of one of ``kinds``, always the same."""

    def on_page(page: Page) -> None:
        page.damaged = damage(page.clusters, kinds, every)

    return Fault("damaged", on_page=on_page)


BAD_RESPONSES = (
    empty(),
    short(),
    repeated(),
    stale(),
    never_has_next(),
    miscounted(-7),
    miscounted(+7),
)
"""Faults that may be gone when the request is repeated."""
