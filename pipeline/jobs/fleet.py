"""The fleet as it is now, for the commands that ask about it."""

from __future__ import annotations

from datetime import datetime, timedelta  # noqa: TC003 - msgspec reads the types at run time
from typing import TYPE_CHECKING, Literal

import msgspec
import pandas as pd

from pipeline.errors import Exit
from pipeline.jobs.extract import look, newest_young
from pipeline.model import State
from pipeline.schema import SNAPSHOT

if TYPE_CHECKING:
    from pipeline.jobs import Job


class Source(msgspec.Struct, frozen=True):
    """What is known of one account's fleet, and since when."""

    account: str
    source: Literal["snapshot", "api"]
    state: State
    observed_at: datetime
    age_seconds: int


def fleet_now(job: Job, age: timedelta) -> tuple[pd.DataFrame, list[Source]]:
    """Every account's fleet, and where it is from: its newest complete snapshot if that is younger
    than ``age``, else live.

    A live look is not stored: a question leaves no trace in the history. It is noted where it is
    not complete.
    """
    frames, sources = [], []
    for account in job.settings.all_accounts:
        ref = newest_young(job, account, age)
        if ref is not None:
            frames.append(job.store.read_snapshots([ref]))
            state, seen_at = ref.state, ref.started_at
        else:
            snapshot = look(job, account)
            frames.append(SNAPSHOT.to_pandas(snapshot.table).assign(account=account))
            certificate = snapshot.certificate
            state, seen_at = certificate.state, certificate.started_at
            if state is not State.COMPLETE:
                job.note(Exit.WARNINGS, f"{account}: {state}: {certificate.proof}")
        since = max(0, int((job.now() - seen_at).total_seconds()))
        sources.append(Source(account, "snapshot" if ref else "api", state, seen_at, since))
    whole = pd.concat(frames, ignore_index=True)
    return SNAPSHOT.enforce(whole[list(SNAPSHOT.names)]), sources
