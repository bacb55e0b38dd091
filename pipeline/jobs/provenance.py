"""What findings are made from, and which stored findings are still up to date.

The digest of a day covers exactly its inputs: the version of findings, the digest of the day
before, the ledger days of its date, the policy in force, and which ledger days of its look-back
could not be read. Earlier ledger days are covered by the day before. So one listing of file names
shows what is stale, and a day judged from incomplete inputs is never final: complete inputs have
another digest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError
from pipeline.ledger import inputs
from pipeline.schema_versions import FINDINGS_VERSION
from pipeline.store import layout
from pipeline.transform.findings.judge import LOOKBACK_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.jobs import Job
    from pipeline.store import Store


@dataclass(frozen=True)
class Inputs:
    """What the findings of a day are made from, besides the findings of the day before."""

    day: date
    ledger: tuple[str, ...]
    """Account and digest of each ledger day of this date."""
    policy: str
    """The digest of the policy in force."""

    def digest(self, before: str, left_out: Iterable[str] = ()) -> str:
        """The digest in the file name of the findings made from this.

        Args:
            before: The digest of the day before; empty on the first day.
            left_out: Keys of the ledger files of the look-back that could not be read.
        """
        made_of = [FINDINGS_VERSION, before, self.ledger, self.policy, sorted(left_out)]
        return hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:16]


@dataclass(frozen=True)
class Kept:
    """A day of stored findings that is up to date."""

    day: date
    digest: str
    left_out: frozenset[str]


def kept(store: Store, days: Sequence[Inputs]) -> list[Kept]:
    """The stored findings, from the first day on, that follow from their inputs as they are now.

    Each depends on the day before, so they end at the first stale one. A day that left out ledger
    files is kept as long as exactly those files cannot be read.
    """
    stored, before = store.findings_digests(), ""
    kept_days: list[Kept] = []
    for inputs_of_day in days:
        digest, left_out = inputs_of_day.digest(before), frozenset[str]()
        if inputs_of_day.day in stored and stored[inputs_of_day.day] != digest:
            left_out = _still_damaged(store, inputs_of_day.day)
            digest = inputs_of_day.digest(before, left_out)
        if stored.get(inputs_of_day.day) != digest:
            break
        kept_days.append(Kept(inputs_of_day.day, digest, left_out))
        before = digest
    return kept_days


def _still_damaged(store: Store, day: date) -> frozenset[str]:
    """The ledger files that the findings of ``day`` left out and that cannot be read now either."""
    try:
        left_out = store.findings_left_out(day)
    except DamageError:  # its own footer is damaged: it is made again
        return frozenset()
    return frozenset(store.damaged_ledger(left_out))


def lookback(keys: Iterable[str], day: date) -> frozenset[str]:
    """Those of the ledger ``keys`` that the findings of ``day`` read."""
    refs = (layout.parse_ledger(key) for key in keys)
    first = day - timedelta(days=LOOKBACK_DAYS - 1)
    return frozenset(ref.key for ref in refs if ref is not None and first <= ref.day <= day)


def expected_ledger(job: Job, rate_card: Mapping[str, int]) -> dict[str, dict[date, str]]:
    """The digest each account's ledger days should carry, by account and day."""
    store, expected = job.store, {}
    for account in store.accounts():
        final = {day: digest for (_, day), digest in store.final_days(account).items()}
        late = store.late_ignored(account) if final else []
        refs = [ref for ref in job.snapshots(account) if ref not in late]
        # Days caused by snapshots from the future are removed with those, not before.
        today = job.latest().date()
        future = {r.day: r.digest for r in store.ledger_days(account) if r.day > today}
        expected[account] = future | inputs.digests(refs, rate_card) | final
    return expected


def behind_ledger(job: Job, rate_card: Mapping[str, int], last: date) -> list[str]:
    """The ledger days that the findings of ``last`` read and that are stale or missing."""
    first = last - timedelta(days=LOOKBACK_DAYS - 1)
    stored = {
        (ref.account, ref.day): ref.digest for ref in job.store.ledger_days(None, first, last)
    }
    return [
        f"{layout.LEDGER}/account={account}/date={day}: "
        + ("made without some of its snapshots" if (account, day) in stored else "missing")
        for account, days in sorted(expected_ledger(job, rate_card).items())
        for day, digest in sorted(days.items())
        if first <= day <= last and stored.get((account, day)) != digest
    ]
