"""Extract: take a snapshot of an account's fleet and store it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import AlreadyStoredError, DamageError, Exit, SettingsError
from pipeline.extract import (
    ApiTarget,
    ResumePoint,
    Timing,
    WalkInterruptedError,
    clock_warning,
    take_snapshot,
)
from pipeline.jobs.spread import lock_patiently, spread_of, wait_for_instant
from pipeline.model import State
from pipeline.store import layout
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.jobs import Job
    from pipeline.jobs.spread import RandomInstant
    from pipeline.model import Certificate, Snapshot, SnapshotRef


def extract_spread(
    job: Job, accounts: Sequence[str], spread: timedelta, timing: Timing | None = None
) -> Iterator[SnapshotRef]:
    """Wait once for a random instant within ``spread``, then take a snapshot of each account.

    Raises:
        As :func:`extract`; a missing key is reported before the wait.
    """
    timing = timing or Timing()
    for account in accounts:
        job.find_key(account, job.settings.all_accounts[account])
    drawn = wait_for_instant(job, spread, timing)
    for account in accounts:
        yield extract(job, account, drawn, timing)


def extract(
    job: Job, account: str, drawn: RandomInstant | None = None, timing: Timing | None = None
) -> SnapshotRef:
    """Take a snapshot and store it, with a warning if it is not complete.

    Args:
        job: Its store, settings and key.
        account: Its name in the settings.
        drawn: The random instant that has come. Such a walk waits for another run's lock, so that
            its interval is not lost.
        timing: Monotonic time, sleep and chance; real ones by default.

    Raises:
        KeyRefusedError, ApiError: no snapshot was stored. The state of an interrupted walk is
            kept, and the next run continues from it.
        LockedError: another run is taking a snapshot of this account.
    """
    state_name, lock_name = f"resume-{account}", f"extract-{account}"
    lock = (
        job.store.lock(lock_name)
        if drawn is None
        else lock_patiently(job, lock_name, timing or Timing())
    )
    with lock:
        kept = _kept_state(job, state_name)
        try:
            snapshot = fetch_snapshot(job, account, _resume_point(kept))
        except WalkInterruptedError as error:
            job.store.put_state(state_name, msgspec.msgpack.encode(error.resume))
            raise
        if drawn is not None:
            snapshot = _with_spread(snapshot, drawn, job.settings.extract.clock)
        ref = _publish(job, snapshot)
        if kept:
            job.store.put_state(state_name, b"")
    certificate = snapshot.certificate
    job.add("clusters", certificate.unique_ids)
    job.add("requests", certificate.requests)
    if certificate.state is not State.COMPLETE:
        job.note(Exit.WARNINGS, f"{ref.key}: {certificate.state}: {certificate.proof}")
    return ref


def _with_spread(snapshot: Snapshot, drawn: RandomInstant, clock: str) -> Snapshot:
    spread = spread_of(drawn, snapshot.certificate, clock)
    certificate = msgspec.structs.replace(snapshot.certificate, spread=spread)
    return msgspec.structs.replace(snapshot, certificate=certificate)


def _publish(job: Job, snapshot: Snapshot) -> SnapshotRef:
    """Store a snapshot, unless there is one of the same second, which is as good."""
    try:
        return job.store.publish_snapshot(snapshot)
    except AlreadyStoredError:
        certificate = snapshot.certificate
        return layout.snapshot(certificate.account, certificate.started_at, certificate.state)


def fetch_snapshot(job: Job, account: str, resume: ResumePoint | None = None) -> Snapshot:
    """A snapshot of the fleet as it is now, which is not stored."""
    # A suspect snapshot counts: the next one that agrees with it confirms the shrink.
    comparable = (State.COMPLETE, State.SUSPECT)
    refs = [ref for ref in job.snapshots(account) if ref.state in comparable]
    snapshot = take_snapshot(
        account,
        api_target(job, account),
        job.settings.extract,
        previous=_newest_certificate(job, refs),
        on_page=job.progress.walk(account),
        local_now=job.now,
        resume=resume,
        tool_version=__version__,
    )
    limit = job.settings.extract.max_clock_skew_hours
    if warning := clock_warning(snapshot.certificate, limit):
        job.note(Exit.WARNINGS, warning)
    return snapshot


def _newest_certificate(job: Job, refs: Sequence[SnapshotRef]) -> Certificate | None:
    """The certificate of the newest readable snapshot; None if there is none.

    A damaged one is noted and passed over: a snapshot that is not taken now can never be taken.
    """
    for ref in reversed(refs):
        try:
            return job.store.certificate(ref)
        except DamageError as error:
            job.note(Exit.WARNINGS, str(error))
    return None


def is_fresh(job: Job, account: str) -> bool:
    """Whether the newest complete snapshot is younger than ``extract.fresh_minutes``."""
    age = timedelta(minutes=job.settings.extract.fresh_minutes)
    return recent_snapshot(job, account, age) is not None


def recent_snapshot(job: Job, account: str, age: timedelta) -> SnapshotRef | None:
    """The newest complete snapshot if it is younger than ``age``."""
    refs = [ref for ref in job.snapshots(account) if ref.is_complete]
    # abs: one from the future (a clock was wrong) must not count as recent until then.
    return refs[-1] if refs and abs(job.now() - refs[-1].started_at) < age else None


def check_account(job: Job, account: str) -> str:
    """``account``, if it is in the settings.

    Raises:
        SettingsError: it is not.
    """
    if account not in job.settings.all_accounts:
        known = ", ".join(job.settings.all_accounts)
        raise SettingsError(f"--account {account}: not in the settings, which have: {known}")
    return account


def api_target(job: Job, account: str) -> ApiTarget:
    """The API of an account, from its own settings or else from the common ones."""
    api, own = job.settings.api, job.settings.all_accounts[account]
    return ApiTarget(
        base_url=own.url or api.url,
        version=own.version or api.version,
        auth=own.auth or api.auth,
        key=job.find_key(account, own),
        ca_file=api.ca_file,
        named_by=f"accounts.{account}.url" if own.url else job.named.get("api.url", "api.url"),
        proxy=job.settings.proxy,
    )


def _kept_state(job: Job, name: str) -> bytes | None:
    """What an interrupted walk kept; of a damaged file, bytes that no walk continues from."""
    try:
        return job.store.get_state(name)
    except DamageError:
        key = layout.state(name)
        job.note(Exit.WARNINGS, f"{key} was damaged: a new walk was begun, and the file replaced")
        return b"\xc1"  # in no msgpack: replaced like a resume point that was used


def _resume_point(kept: bytes | None) -> ResumePoint | None:
    """The state of an interrupted walk; None if there is none or it cannot be read."""
    try:
        return msgspec.msgpack.decode(kept, type=ResumePoint) if kept else None
    except msgspec.DecodeError:
        return None
