"""The night: extract, ledger, findings, report, deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import Exit, FleetLedgerError, LockedError, SettingsError, StorageError
from pipeline.jobs.extract import extract, is_fresh
from pipeline.jobs.findings import read_policy
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.jobs.send import check_addresses, send

if TYPE_CHECKING:
    from pipeline.jobs import Job
    from pipeline.jobs.report import StoredReport


def nightly(job: Job) -> StoredReport | None:
    """All five, as cron runs them; None where there is nothing to report from yet.

    An API that is down or refuses the key is noted, and the report is made from what exists; a
    store that fails, or a setting that cannot be meant, ends the night.
    """
    # A typo is told at once, not after an hour's walk.
    read_policy(job.settings, job.now().date())
    check_addresses(job.settings)
    with job.store.lock("nightly"):
        return _night(job)


def _night(job: Job) -> StoredReport | None:
    for account in job.settings.all_accounts:
        if not is_fresh(job, account):
            try:
                extract(job, account)
            except (StorageError, SettingsError):
                raise
            except FleetLedgerError as error:
                job.note_error(error)
    with job.store.lock("derive"):
        job.store.sweep()
        update_ledger(job)
        if not job.snapshots():
            return None
        reported = make_report(job)
        if job.settings.mail.to or job.settings.mail.per_owner:
            try:
                send(job, reported.day, retry_refused=False)
            except LockedError:  # lost: another run mails
                raise
            except SettingsError as error:  # such as a password nobody gave
                job.note(Exit.NOT_DELIVERED, str(error))
            except FleetLedgerError as error:
                job.note_error(error)
    return reported
