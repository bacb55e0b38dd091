"""The fleet as it is now, for the commands that show it."""

from __future__ import annotations

from datetime import date, datetime, timedelta  # noqa: TC003 - msgspec reads the types at run time
from typing import TYPE_CHECKING, Literal

import msgspec
import pandas as pd

from pipeline.errors import DamageError, Exit, KeyRefusedError
from pipeline.jobs.extract import fetch_snapshot, recent_snapshot
from pipeline.model import State
from pipeline.schema import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.jobs import Job


class Source(msgspec.Struct, frozen=True):
    """Where the data on one account's fleet comes from, and how old it is."""

    account: str
    source: Literal["snapshot", "api"]
    state: State
    observed_at: datetime
    age_seconds: int


def fleet_now(job: Job, age: timedelta) -> tuple[pd.DataFrame, list[Source]]:
    """The clusters of all accounts, and the source of each account's.

    The source is the newest complete snapshot if it is younger than ``age``, else the API. A
    snapshot taken for this is not stored, so that a query does not change the history. A warning
    is noted if it is not complete.

    Raises:
        KeyRefusedError: the API would be asked and there is no key, or the API refuses it. If a
            complete snapshot is stored, the message has the option to answer from it.
        ApiError: as :func:`fetch_snapshot`.
    """
    frames, sources = [], []
    for account in job.settings.all_accounts:
        ref = recent_snapshot(job, account, age)
        if ref is not None:
            frames.append(job.store.read_snapshots([ref]))
            state, observed_at = ref.state, ref.started_at
        else:
            try:
                snapshot = fetch_snapshot(job, account)
            except KeyRefusedError as error:
                raise KeyRefusedError(f"{error}{_or_stored(job, account)}") from error
            frames.append(SNAPSHOT.to_pandas(snapshot.table).assign(account=account))
            certificate = snapshot.certificate
            state, observed_at = certificate.state, certificate.started_at
            if state is not State.COMPLETE:
                job.note(Exit.WARNINGS, f"{account}: {state}: {certificate.proof}")
        age_seconds = max(0, int((job.now() - observed_at).total_seconds()))
        source: Literal["snapshot", "api"] = "snapshot" if ref else "api"
        sources.append(Source(account, source, state, observed_at, age_seconds))
    clusters = pd.concat(frames, ignore_index=True)
    return SNAPSHOT.enforce(clusters[list(SNAPSHOT.names)]), sources


def _or_stored(job: Job, account: str) -> str:
    """The option that answers from the newest complete snapshot; empty if there is none."""
    newest = next((ref for ref in reversed(job.snapshots(account)) if ref.is_complete), None)
    if newest is None:
        return ""
    days = abs(job.now() - newest.started_at).days + 1
    return (
        f"; or give --max-age {days}d to answer from the stored snapshot of "
        f"{newest.started_at:%Y-%m-%d %H:%M:%SZ}"
    )


def newest_findings(job: Job, columns: Sequence[str]) -> tuple[date, pd.DataFrame] | None:
    """The findings of the last day that has any stored, and that day; None without one.

    They are read as they are: a question about now judges nothing. Damaged ones are noted.
    """
    days = [day for day in job.store.findings_digests() if day <= job.latest().date()]
    if not days:
        return None
    try:
        return max(days), job.store.read_findings(max(days), columns)
    except DamageError as error:
        job.note_error(error)
        return None
