"""The warning about snapshots from the future, from their names alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import Exit

if TYPE_CHECKING:
    from pipeline.jobs import Job


def warn_of_future_snapshots(job: Job) -> None:
    """Warn of snapshots that are later than the clock allows: no day and no report reads them."""
    latest = job.latest()
    future = [ref for ref in job.store.snapshots() if ref.started_at > latest]
    for account in sorted({ref.account for ref in future}):
        first, *others = [ref.key for ref in future if ref.account == account]
        more = f" (and {len(others)} more)" if others else ""
        job.note(
            Exit.WARNINGS,
            f"{job.store.url(first)}{more}: later than this machine's clock "
            f"({job.now():%Y-%m-%d}), so no day and no report reads it; if the clock is right, "
            f"remove it: fleetledger discard {first}",
        )
