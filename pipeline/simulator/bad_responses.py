"""Good answers that are not true: wrong pages, wrong counts, broken records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.simulator.bad_records import KINDS, damage
from pipeline.simulator.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.simulator.page import Page


def empty() -> Fault:
    """No clusters, though the pagination counts them."""
    return Fault("empty", on_page=lambda page: page.clusters.clear())


def short(missing: int = 3) -> Fault:
    """The last few clusters of the page are not there."""

    def on_page(page: Page) -> None:
        del page.clusters[max(0, len(page.clusters) - missing) :]

    return Fault("short", on_page=on_page)


def repeated() -> Fault:
    """The clusters of the page before, once more."""

    def on_page(page: Page) -> None:
        page.clusters[:] = page.previous or page.clusters

    return Fault("repeated", on_page=on_page)


def stale(seconds: int = 3600) -> Fault:
    """The page of so long ago, from some cache."""
    return Fault("stale", stale_seconds=seconds)


def next_for_ever() -> Fault:
    """There is always one more page."""
    return Fault("next for ever", on_page=lambda page: page.pagination.update(has_next=True))


def no_next() -> Fault:
    """This page claims to be the last."""
    return Fault("no next", on_page=lambda page: page.pagination.update(has_next=False))


def miscounted(by: int) -> Fault:
    """``total_count`` is off; ``total_pages`` agrees with it."""

    def on_page(page: Page) -> None:
        said, limit = page.pagination["total_count"], page.pagination["per_page"]
        if isinstance(said, int) and isinstance(limit, int):
            claimed = max(0, said + by)
            page.pagination.update(total_count=claimed, total_pages=-(-claimed // limit))

    return Fault(f"miscounted {by:+d}", on_page=on_page)


def damaged(kinds: Sequence[str] = tuple(KINDS), every: int = 5) -> Fault:
    """About one cluster in ``every`` has a broken record, always in the same way."""

    def on_page(page: Page) -> None:
        page.damaged = damage(page.clusters, kinds, every)

    return Fault("damaged", on_page=on_page)


BAD_RESPONSES = (empty(), short(), repeated(), stale(), no_next(), miscounted(-7), miscounted(+7))
"""Those that asking again may put right."""
