"""Findings: each day from its ledger, the day before and the policy of its date, kept per day.

A day's file carries a digest over all it was made from: its ledger days, the policy in force, and
the digest of the day before. So a late look, or a ledger day built again, makes just the findings
stale that it can change, and what was judged stays as it was judged: a setting changed today is in
force from today on (``state/policies``), and the past is rebuilt with the settings of its time.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pipeline import rules as catalogue
from pipeline.errors import SettingsError
from pipeline.ledger.inputs import unbroken_since
from pipeline.settings import OwnRule, Rules, Settings
from pipeline.transform import what_if as whatif
from pipeline.transform.findings import judge as findings
from pipeline.transform.findings import replay as replaying
from pipeline.transform.findings.exclusions import Exclusion, parse_exclusions
from pipeline.transform.findings.owners import Owner, parse_owners

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.store import Store

POLICIES = "policies"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What findings are judged by from a date on."""

    since: date
    rules: Rules
    own_rules: dict[str, OwnRule]
    exclusions: tuple[Exclusion, ...]
    owners: tuple[Owner, ...]

    @property
    def applied(self) -> findings.Policy:
        """As the rules' engine takes it."""
        given = Settings(rules=self.rules, own_rules=self.own_rules)
        return findings.Policy.of(given, self.exclusions, self.owners)


@dataclass(frozen=True)
class _Day:
    """A day whose findings are wanted, and the digest its file should carry."""

    day: date
    digest: str
    policy: Policy


@dataclass(frozen=True)
class Judged:
    """The findings of a day, and what they were judged by."""

    findings: pd.DataFrame
    policy: Policy


def read_policy(settings: Settings, since: date) -> Policy:
    """What the settings and the files they name say now.

    Raises:
        SettingsError: a file that cannot be read, or an entry that cannot be meant.
    """
    own = catalogue.own_rules(settings.own_rules, tuple(rule.id for rule in catalogue.RULES))
    known = [rule.id for rule in (*catalogue.RULES, *own)]
    exclusions, owners = settings.exclusions_file, settings.owners_file
    return Policy(
        since=since,
        rules=settings.rules,
        own_rules=settings.own_rules,
        exclusions=parse_exclusions(_toml(exclusions), exclusions, known) if exclusions else (),
        owners=parse_owners(_toml(owners), owners) if owners else (),
    )


def judge(job: Job, day: date, *, rebuild: bool = False) -> Judged:
    """The findings of ``day``; they and what they follow from are built where they are stale."""
    policies = _policies(job, day)
    chain = _chain(job.store, policies, day)
    present = job.store.findings_digests()
    fresh = 0
    if not rebuild:
        while fresh < len(chain) and present.get(chain[fresh].day) == chain[fresh].digest:
            fresh += 1
    missing = chain[fresh:]
    previous = job.store.read_findings(chain[fresh - 1].day) if fresh else None
    if missing:
        first = missing[0].day - timedelta(days=findings.LOOK_BACK_DAYS - 1)
        # Damage is told by the report, which reads the same days.
        ledger = job.store.read_ledger(first, day, damaged=[])
        for one in job.steps.days("findings", [each.day for each in missing]):
            wanted = chain[(one - chain[0].day).days]
            previous = findings.judge_day(ledger, wanted.policy.applied, one, previous)
            job.store.publish_findings(one, wanted.digest, previous)
    job.add("findings_days", len(missing))
    if previous is None:
        raise SettingsError(f"--date {day}: no ledger day to judge")
    # As stored: a report must not depend on whether its findings were just made or read.
    return Judged(job.store.read_findings(day), chain[-1].policy)


@dataclass(frozen=True)
class Replayed:
    """What would have been found in the past, and what became of it."""

    flags: pd.DataFrame
    """The first flag of each cluster by each rule."""
    precision: pd.DataFrame
    """Per rule: how many of the flagged were then stopped or terminated."""


def replay(job: Job, first: date, last: date, settings: Settings) -> Replayed:
    """The findings of ``first`` to ``last`` as ``settings`` would have made them.

    Raises:
        SettingsError: the dates are not within the history.
    """
    if first > last:
        raise SettingsError(f"--from {first} is after --to {last}: swap them")
    days = sorted({ref.day for ref in job.store.ledger_days(None, None, job.latest().date())})
    if not days or not days[0] <= first <= last <= days[-1]:
        span = f"{days[0]} to {days[-1]}" if days else "nothing yet"
        raise SettingsError(f"--from {first} --to {last}: the ledger covers {span}")
    ledger = job.store.read_ledger(
        first - timedelta(days=findings.LOOK_BACK_DAYS - 1), days[-1], damaged=[]
    )
    policy = read_policy(settings, first).applied
    flags = replaying.flags(replaying.replay(ledger, policy, first, last))
    return Replayed(flags, replaying.precision(flags, ledger, days[-1]))


def what_if(job: Job, change: whatif.Change) -> pd.DataFrame:
    """What the last 30 days would have cost under a change, per listed cluster that fits.

    Raises:
        SettingsError: a change that cannot be meant, or no ledger to apply it to.
    """
    days = [ref.day for ref in job.store.ledger_days(None, None, job.latest().date())]
    if not days:
        raise SettingsError("no ledger to price a change with; run `fleetledger nightly` first")
    # The newest day is still open: its spend is not all there yet.
    last = max(days) - timedelta(days=1) if len(set(days)) > 1 else max(days)
    ledger = job.store.read_ledger(
        last - timedelta(days=findings.TRAILING_DAYS - 1), last, damaged=[]
    )
    return whatif.what_if(ledger, last, change)


def _policies(job: Job, day: date) -> list[Policy]:
    """All policies so far, oldest first; today's is in force from ``day`` on if it is another."""
    stored = job.store.get_state(POLICIES)
    known = msgspec.json.decode(stored, type=list[Policy]) if stored else []
    now = read_policy(job.settings, day)
    if not known:
        # The first policy also judges the history that was there before it.
        known = [msgspec.structs.replace(now, since=date.min)]
    elif day >= known[-1].since and now != msgspec.structs.replace(known[-1], since=day):
        known = [*(one for one in known if one.since < day), now]
    else:
        return known
    job.store.put_state(POLICIES, msgspec.json.encode(known))
    return known


def forget_policies(job: Job, last: date) -> None:
    """Forget policies in force only after ``last``: those days never were."""
    stored = job.store.get_state(POLICIES)
    known = msgspec.json.decode(stored, type=list[Policy]) if stored else []
    true = [one for one in known if one.since <= last]
    if true != known:
        job.store.put_state(POLICIES, msgspec.json.encode(true))


def _chain(store: Store, policies: list[Policy], last: date) -> list[_Day]:
    """Every day from the first of the ledger (after its last gap that is too long) to ``last``,
    with its digest.
    """
    digests: dict[date, list[str]] = {}
    for ref in store.ledger_days():
        if ref.day <= last:
            digests.setdefault(ref.day, []).append(f"{ref.account}={ref.digest}")
    if not digests:
        return []
    first, before, chain = unbroken_since(sorted(digests)), "", []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        policy = next(one for one in reversed(policies) if one.since <= day)
        # What earlier days were made of is in the digest before. Since when a policy is in force
        # is not: the same policy gives the same findings.
        made_of = [
            before,
            sorted(digests.get(day, [])),
            msgspec.structs.replace(policy, since=date.min),
        ]
        before = hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:16]
        chain.append(_Day(day, before, policy))
    return chain


def _toml(path: str) -> object:
    try:
        return tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; named in the settings") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
