"""Extract: one look at an account's fleet, stored with its certificate."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import AlreadyStoredError, Exit, SettingsError
from pipeline.extract import (
    ApiTarget,
    ResumePoint,
    WalkInterruptedError,
    clock_warning,
    take_snapshot,
)
from pipeline.model import State
from pipeline.store import layout
from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline.jobs import Job
    from pipeline.model import Snapshot, SnapshotRef


def extract(job: Job, account: str) -> SnapshotRef:
    """Take a look and store it; noted where it is not complete.

    Raises:
        KeyRefusedError, ApiError: nothing was stored; an interrupted walk left its place, from
            which the next one goes on.
        LockedError: another run is looking at this account.
    """
    resume = f"resume-{account}"
    with job.store.lock(f"extract-{account}"):
        kept = job.store.get_state(resume)
        try:
            snapshot = look(job, account, _resume_point(kept))
        except WalkInterruptedError as error:
            job.store.put_state(resume, msgspec.msgpack.encode(error.resume))
            raise
        ref = _stored(job, snapshot)
        if kept:
            job.store.put_state(resume, b"")
    certificate = snapshot.certificate
    job.add("clusters", certificate.unique_ids)
    job.add("requests", certificate.requests)
    if certificate.state is not State.COMPLETE:
        job.note(Exit.WARNINGS, f"{ref.key}: {certificate.state}: {certificate.proof}")
    return ref


def _stored(job: Job, snapshot: Snapshot) -> SnapshotRef:
    """Store a look; where there is one of the same second already, that one is as good."""
    try:
        return job.store.publish_snapshot(snapshot)
    except AlreadyStoredError:
        certificate = snapshot.certificate
        return layout.snapshot(certificate.account, certificate.started_at, certificate.state)


def look(job: Job, account: str, resume: ResumePoint | None = None) -> Snapshot:
    """The fleet as it is now, in memory only."""
    # A suspect look counts: the next one that agrees with it confirms the shrink.
    known = (State.COMPLETE, State.SUSPECT)
    refs = [ref for ref in job.snapshots(account) if ref.state in known]
    snapshot = take_snapshot(
        account,
        _target(job, account),
        job.settings.extract,
        previous=job.store.certificate(refs[-1]) if refs else None,
        on_page=job.progress.walk(account),
        local_now=job.now,
        resume=resume,
        tool_version=__version__,
    )
    limit = job.settings.extract.max_clock_skew_hours
    if warning := clock_warning(snapshot.certificate, limit):
        job.note(Exit.WARNINGS, warning)
    return snapshot


def is_fresh(job: Job, account: str) -> bool:
    """Whether the newest complete snapshot is younger than ``extract.fresh_minutes``."""
    age = timedelta(minutes=job.settings.extract.fresh_minutes)
    return newest_young(job, account, age) is not None


def newest_young(job: Job, account: str, age: timedelta) -> SnapshotRef | None:
    """The newest complete snapshot, if it is younger than ``age``."""
    refs = [ref for ref in job.snapshots(account) if ref.is_complete]
    # One from the future (a clock was wrong) must not pass for young until then.
    return refs[-1] if refs and abs(job.now() - refs[-1].started_at) < age else None


def check_account(job: Job, account: str) -> str:
    """``account`` if the settings know it.

    Raises:
        SettingsError: they do not.
    """
    if account not in job.settings.all_accounts:
        known = ", ".join(job.settings.all_accounts)
        raise SettingsError(f"--account {account}: not in the settings; there is: {known}")
    return account


def _target(job: Job, account: str) -> ApiTarget:
    """Where and how to ask for an account: as its own settings say, else those for all."""
    api, own = job.settings.api, job.settings.all_accounts[account]
    return ApiTarget(
        base_url=own.url or api.url,
        version=own.version or api.version,
        auth=own.auth or api.auth,
        key=job.find_key(account, own),
        ca_file=api.ca_file,
    )


def _resume_point(kept: bytes | None) -> ResumePoint | None:
    """The place an interrupted walk left; one that is not readable is as good as none."""
    try:
        return msgspec.msgpack.decode(kept, type=ResumePoint) if kept else None
    except msgspec.DecodeError:
        return None
