"""Findings: each day from its ledger, the day before and the policy of its date, kept per day.

A day's file name has a digest of everything it was made from (:mod:`~pipeline.jobs.provenance`). So
a late snapshot, or a ledger day that is built again, makes stale only the findings it can change.
Past findings keep their policy: a setting changed today is in force from today on
(``state/policies``), and past days are rebuilt with the settings of their time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline import rules as catalogue
from pipeline.errors import DamageError, Exit, SettingsError, StorageError
from pipeline.jobs import open_findings, provenance
from pipeline.jobs.coverage import coverage, warn_of_missing
from pipeline.jobs.judge_days import BLOCK_DAYS, lookback, outcomes_of_days, outcomes_of_rows
from pipeline.jobs.ledger import rate_card
from pipeline.jobs.ledger_rows import id_ranges, read_rows
from pipeline.ledger.inputs import unbroken_since
from pipeline.schema import FINDINGS
from pipeline.settings import OwnRule, Rules, Settings
from pipeline.toml_files import read_toml
from pipeline.transform import what_if as whatif
from pipeline.transform.findings import judge as findings
from pipeline.transform.findings import replay as replaying
from pipeline.transform.findings.exclusions import Exclusion, parse_exclusions
from pipeline.transform.findings.owners import Owner, parse_owners
from pipeline.transform.observed import observed_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.coverage import Coverage
    from pipeline.jobs.judge_days import Judged
    from pipeline.jobs.ledger_rows import LedgerRows
    from pipeline.jobs.report_rows import ReportDays, Utilization
    from pipeline.model import NotObserved
    from pipeline.store import Store
    from pipeline.transform.observed import Until

POLICIES = "policies"


class DatedPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What findings are judged by, from a date on."""

    since: date
    rules: Rules
    own_rules: dict[str, OwnRule]
    exclusions: tuple[Exclusion, ...]
    owners: tuple[Owner, ...]
    accounts: tuple[str, ...] = ()
    """The accounts the settings name."""

    @property
    def applied(self) -> findings.Policy:
        """The policy as ``transform`` takes it."""
        thresholds = Settings(rules=self.rules, own_rules=self.own_rules)
        return findings.Policy.of(thresholds, self.exclusions, self.owners, self.accounts)


@dataclass(frozen=True)
class DayFindings:
    """The findings of a day, and what they were judged by."""

    day: date
    findings: pd.DataFrame
    policy: DatedPolicy
    digest: str
    coverage: Coverage
    incomplete: list[str] = field(default_factory=list)
    """The inputs that were damaged, missing or incomplete, each with what is wrong with it."""
    rows: LedgerRows | None = None
    """The ledger rows that the report asked for, if they were read and none is damaged."""
    utilization: Utilization | None = None
    """The same of utilization, if not all rows were read at once."""

    @property
    def missing(self) -> tuple[NotObserved, ...]:
        """The accounts that are not observed on the day."""
        return self.coverage.missing(self.day, self.policy.accounts)


def read_policy(settings: Settings, since: date) -> DatedPolicy:
    """The policy of the current settings and of the files they name.

    Raises:
        SettingsError: a file that cannot be read, or an invalid entry.
    """
    own = catalogue.own_rules(settings.own_rules, tuple(rule.id for rule in catalogue.RULES))
    known = [rule.id for rule in (*catalogue.RULES, *own)]
    exclusions, owners = settings.exclusions_file, settings.owners_file
    return DatedPolicy(
        since=since,
        rules=settings.rules,
        own_rules=settings.own_rules,
        exclusions=parse_exclusions(read_toml(exclusions, "exclusions_file"), exclusions, known)
        if exclusions
        else (),
        owners=parse_owners(read_toml(owners, "owners_file"), owners) if owners else (),
        accounts=tuple(sorted(settings.accounts)),
    )


def findings_of(
    job: Job,
    day: date,
    *,
    rebuild: bool = False,
    is_stored: bool = True,
    applies_settings: bool = True,
    report: ReportDays | None = None,
) -> DayFindings:
    """The findings of ``day``; where they or those of earlier days are stale, they are built again.

    Settings that changed since the last run are in force from ``day`` on, if ``applies_settings``.

    If ledger days are read, those of ``report`` are too.

    Ledger files that cannot be read are left out, with a warning, and named in the result. Nothing
    is written unless ``is_stored``.
    """
    policies = stored_policies(job.store) if not applies_settings else []
    policies = policies or _policies(job, day, is_stored=is_stored)
    known = coverage(job)
    days = inputs_of(job.store, policies, known, day)
    if not days:
        stored = [ref.day for ref in job.store.ledger_days()]
        if not stored:
            raise StorageError("no ledger day to judge yet; run `fleetledger ledger` first")
        raise SettingsError(f"{day} is before the ledger, which begins on {min(stored)}")
    kept = [] if rebuild else provenance.kept(job.store, days)
    previous = _newest_readable(job, kept)
    before = kept[-1].digest if kept else ""
    left_out = {key for stored in kept for key in stored.left_out}
    missing = days[len(kept) :]
    rows = utilization = None
    if missing:
        in_force = {each.day: _in_force(policies, each.day).applied for each in missing}
        rows, judged = _judged(job, in_force, known.until, report)
        shown = job.progress.days("findings", list(in_force))
        for current, inputs, each in zip(shown, missing, judged, strict=True):
            before = inputs.digest(before, each.lacking)
            previous = findings.with_lifecycles(
                each.outcomes, in_force[current], previous, known.until
            )
            left_out |= each.lacking
            utilization = each.utilization
            if is_stored:
                job.store.publish_findings(current, before, previous, each.lacking)
    job.add("findings_days", len(missing))
    assert previous is not None  # noqa: S101 - there is a day, and it was read or made
    # As stored: a report must not depend on whether its findings were just made or were read.
    frame = job.store.read_findings(day) if missing and is_stored else _in_order(previous)
    incomplete = _incomplete(job, day, sorted(left_out))
    policy = _in_force(policies, day)
    return DayFindings(day, frame, policy, before, known, incomplete, rows, utilization)


def _judged(
    job: Job, in_force: Mapping[date, findings.Policy], until: Until, report: ReportDays | None
) -> tuple[LedgerRows | None, Iterator[Judged]]:
    """What the rules say of days in a row, and the rows of ``report`` if they were read at once."""
    days = list(in_force)
    if report is not None and len(days) <= BLOCK_DAYS:
        span = lookback(days[0], days[-1]).with_days_of(report.span)
        refs = span.refs(job.store)
        if len(id_ranges(job.store, span, refs)) == 1:
            damaged: list[str] = []
            rows = read_rows(job.store, span, refs, damaged)
            return None if damaged else rows, outcomes_of_rows(rows, damaged, in_force, until)
    return None, outcomes_of_days(job, in_force, until, report)


def keep_open(job: Job, judged: DayFindings) -> None:
    """Keep the open findings of the last closed day for the terminal, if nothing is missing."""
    if not judged.incomplete and not any(lost.in_settings for lost in judged.missing):
        rows = open_findings.short(open_findings.ranked(judged.findings))
        open_findings.keep(job, judged.day, rows)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in the order of a stored file."""
    key = list(FINDINGS.key)
    order = frame[key].astype("str").sort_values(key).index
    return frame.loc[order].reset_index(drop=True)


def _newest_readable(job: Job, kept: list[provenance.Kept]) -> pd.DataFrame | None:
    """The newest findings of ``kept``; damaged ones are dropped from its end, to be made again."""
    while kept:
        try:
            return job.store.read_findings(kept[-1].day)
        except DamageError as error:
            where = str(error).partition(";")[0]
            job.note(Exit.WARNINGS, f"{where}; made again from the ledger")
            kept.pop()
    return None


def _incomplete(job: Job, day: date, left_out: list[str]) -> list[str]:
    """The inputs that were incomplete when ``day`` was judged; each is also a warning."""
    for key in left_out:
        note_damaged(job, key)
    behind = provenance.behind_ledger(job, rate_card(job.settings), day)
    if behind:
        more = f" and {len(behind) - 1} more" if len(behind) > 1 else ""
        job.note(
            Exit.WARNINGS,
            f"{job.store.url(behind[0])}{more}: findings of {day} are not final; `fleetledger "
            "ledger` builds ledger days, or names the snapshot that is damaged",
        )
    return [*(f"{key}: damaged" for key in left_out), *behind]


def note_damaged(job: Job, key: str) -> None:
    """Warn that a stored file was left out."""
    where = job.store.url(key)
    job.note(
        Exit.WARNINGS, f"{where}: damaged, left out; `fleetledger check --read-data` gives details"
    )


@dataclass(frozen=True)
class Replayed:
    """What would have been found in the past, and what became of it."""

    flags: pd.DataFrame
    """The first flag of each cluster by each rule."""
    precision: pd.DataFrame
    """Per rule: how many of the flagged were then stopped or terminated."""


def replay(
    job: Job,
    first: date,
    last: date,
    settings: Settings,
    named_by: tuple[str, str] = ("--from", "--to"),
) -> Replayed:
    """The findings of ``first`` to ``last`` as ``settings`` would have made them.

    ``named_by``: the options or arguments that hold the days, for errors.

    Raises:
        SettingsError: the dates are not within the closed days.
        StorageError: no day is closed yet.
    """
    begin, end = named_by
    if first > last:
        raise SettingsError(f"{begin} {first} is after {end} {last}: swap them")
    known = coverage(job)
    days = sorted({ref.day for ref in job.store.ledger_days(None, None, job.latest().date())})
    closed = known.last_day()
    if not days[0] <= first <= last <= closed:
        raise SettingsError(
            f"{begin} {first} {end} {last}: the closed days of the ledger are {days[0]} to {closed}"
        )
    dated = read_policy(settings, first)
    judged = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    in_turn = outcomes_of_days(job, dict.fromkeys(judged, dated.applied), known.until)
    shown = job.progress.days("findings", judged)
    outcomes = (each.outcomes for _, each in zip(shown, in_turn, strict=True))
    chain = findings.judge_days(outcomes, dated.applied, until=known.until)
    flags = replaying.flags(chain)
    ledger = job.store.read_ledger(first, days[-1], columns=replaying.LEDGER_COLUMNS, damaged=[])
    return Replayed(flags, replaying.precision(flags, ledger, days[-1], until=known.until))


def what_if(job: Job, change: whatif.Change) -> pd.DataFrame:
    """What the last 30 days would have cost under a change, per listed cluster that matches.

    Raises:
        SettingsError: an invalid change.
        StorageError: no day is closed yet.
    """
    # An open day's spend is incomplete.
    known = coverage(job)
    last = known.last_day()
    warn_of_missing(job, last, known.missing(last, tuple(job.settings.accounts)))
    ledger = job.store.read_ledger(
        last - timedelta(days=findings.TRAILING_DAYS - 1), last, damaged=[]
    )
    # As the findings: an account that is not observed has no part in its prices.
    ledger = observed_on(ledger, known.until, last)
    return whatif.what_if(ledger, last, change, job.settings.rules)


def stored_policies(store: Store) -> list[DatedPolicy]:
    """All policies that have been in force, oldest first."""
    return store.read_state(POLICIES, list[DatedPolicy]) or []


def _policies(job: Job, day: date, *, is_stored: bool) -> list[DatedPolicy]:
    """All policies so far, oldest first; a new one is in force from ``day`` on."""
    known = stored_policies(job.store)
    now = read_policy(job.settings, day)
    if not known:
        # The first policy also judges the days before it.
        known = [msgspec.structs.replace(now, since=date.min)]
    elif day >= known[-1].since and now != msgspec.structs.replace(known[-1], since=day):
        known = [*(policy for policy in known if policy.since < day), now]
    else:
        return known
    if is_stored:
        job.store.put_state(POLICIES, msgspec.json.encode(known))
    return known


def forget_policies(job: Job, last: date) -> None:
    """Forget policies in force only after ``last``, days that came from wrong snapshots."""
    known = stored_policies(job.store)
    kept = [policy for policy in known if policy.since <= last]
    if kept != known:
        job.store.put_state(POLICIES, msgspec.json.encode(kept))


def _in_force(policies: list[DatedPolicy], day: date) -> DatedPolicy:
    return next(policy for policy in reversed(policies) if policy.since <= day)


def inputs_of(
    store: Store, policies: list[DatedPolicy], known: Coverage, last: date
) -> list[provenance.Inputs]:
    """What the findings of each day are made from, from the ledger's first day (after its last
    pause that is too long) to ``last``.

    Each account contributes the days on which it is observed. When it catches up, the days on which
    it was missing are judged again.
    """
    digests: dict[date, list[str]] = {}
    for ref in store.ledger_days():
        if ref.day <= last and known.has(ref.account, ref.day):
            digests.setdefault(ref.day, []).append(f"{ref.account}={ref.digest}")
    if not digests:
        return []
    # The date is not in a policy's digest, because it does not change the findings.
    named = {
        policy.since: hashlib.sha256(
            msgspec.json.encode(msgspec.structs.replace(policy, since=date.min))
        ).hexdigest()
        for policy in policies
    }
    first = unbroken_since(sorted(digests))
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return [
        provenance.Inputs(
            day, tuple(sorted(digests.get(day, []))), named[_in_force(policies, day).since]
        )
        for day in days
    ]
