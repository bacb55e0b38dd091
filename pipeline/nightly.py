"""The nightly run: extract, ledger, findings, report, send, prune; a night without data is sent
too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import (
    ApiError,
    Exit,
    FleetLedgerError,
    KeyRefusedError,
    LockedError,
    SettingsError,
    StorageError,
)
from pipeline.jobs.extract import extract, is_fresh
from pipeline.jobs.failure_mail import failure_of, send_failure
from pipeline.jobs.findings import read_policy
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.prune import apply_retention
from pipeline.jobs.report import make_report
from pipeline.jobs.send import check_addresses, send
from pipeline.jobs.webhooks import post_failure, post_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.jobs import Job
    from pipeline.jobs.report import StoredReport


def nightly(job: Job) -> StoredReport | None:
    """Run the steps in order; the report, or None if there is no snapshot yet.

    An API that is down or refuses the key is noted, and the report is made from the stored data.

    Raises:
        SettingsError: a setting is invalid.
        StorageError: the store cannot be read or written.
        LockedError: another run holds a lock.
    """
    # Report a mistyped setting at once, not after an hour's walk.
    read_policy(job.settings, job.now().date())
    check_addresses(job.settings)
    with job.store.lock("nightly"):
        return _run_steps(job)


def _run_steps(job: Job) -> StoredReport | None:
    failed: dict[str, FleetLedgerError] = {}
    for account in job.settings.all_accounts:
        if not is_fresh(job, account):
            try:
                extract(job, account)
            except (StorageError, SettingsError):
                raise
            except FleetLedgerError as error:
                job.note_error(error)
                if isinstance(error, (ApiError, KeyRefusedError)):
                    failed[account] = error
    with job.store.lock("derive"):
        job.store.sweep()
        update_ledger(job)
        reported = make_report(job) if job.snapshots() else None
        if reported and (job.settings.mail.to or job.settings.mail.per_owner):
            _deliver(job, lambda: send(job, reported.day, retry_refused=False))
        if reported:
            _deliver(job, lambda: post_report(job, reported.day))
        if len(failed) == len(job.settings.all_accounts):
            _deliver(job, lambda: send_failure(job, failed, reported))
            _deliver(job, lambda: post_failure(job, failure_of(job, failed, reported)))
        apply_retention(job)
    return reported


def _deliver(job: Job, send_it: Callable[[], object]) -> None:
    """Send mails or posts; a failure to do so is noted."""
    try:
        send_it()
    except LockedError:  # the lock was lost: another run sends
        raise
    except SettingsError as error:  # such as a missing password
        job.note(Exit.NOT_DELIVERED, str(error))
    except FleetLedgerError as error:
        job.note_error(error)
