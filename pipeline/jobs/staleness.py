"""Findings and reports whose inputs have changed since they were made, for ``check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import FleetLedgerError
from pipeline.jobs import provenance
from pipeline.jobs.coverage import coverage
from pipeline.jobs.findings import inputs_of, stored_policies
from pipeline.report.summary import Provenance  # noqa: TC001 - msgspec reads the types at run time
from pipeline.schema_versions import FINDINGS_VERSION
from pipeline.store import layout
from pipeline.store.check import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from pipeline.jobs import Job
    from pipeline.store import Store

_DAYS_NAMED = 3


class _Summary(msgspec.Struct):
    """The part of ``summary.json`` about a report's inputs."""

    inputs: Provenance | None = None


def findings(job: Job) -> Iterator[Problem]:
    """Stored findings whose inputs have changed, or that were made without some of them."""
    store = job.store
    stored = store.findings_digests()
    try:
        days = (
            inputs_of(store, stored_policies(store), coverage(job), max(stored)) if stored else []
        )
    except FleetLedgerError:  # the check of single files names what is damaged
        return
    if not days:
        return
    kept = provenance.kept(store, days)
    remedy = f"run: fleetledger report --date {max(stored)}"
    stale = [inputs for inputs in days[len(kept) :] if inputs.day in stored]
    if stale:
        yield _warning(
            layout.findings(stale[0].day, stored[stale[0].day]),
            f"{_count(len(stale), 'findings day')} from {stale[0].day} on: the inputs have "
            f"changed since; {remedy}",
        )
    incomplete = [entry for entry in kept if entry.left_out]
    if incomplete:
        first = incomplete[0]
        yield _warning(
            layout.findings(first.day, first.digest),
            f"{_count(len(incomplete), 'findings day')} from {first.day} on: made without "
            f"{store.url(min(first.left_out))}, which is damaged; repair that, then {remedy}",
        )


def reports(store: Store) -> Iterator[Problem]:
    """Reports made from other findings than are stored now, or from incomplete inputs.

    Reports of earlier versions of findings are not compared.
    """
    stored = store.findings_digests()
    made_from = {day: _inputs(store, day) for day in store.report_days()}
    stale = [
        day
        for day, inputs in made_from.items()
        if inputs is not None
        and inputs.findings_version == FINDINGS_VERSION
        and (inputs.incomplete or inputs.findings != stored.get(day))
    ]
    if stale:
        yield _warning(
            layout.report(stale[0]),
            f"{_count(len(stale), 'report')} ({_named(stale)}): the inputs were incomplete, or "
            "have changed since; make each again with: report --date DAY",
        )


def _inputs(store: Store, day: date) -> Provenance | None:
    """The inputs that the report of ``day`` names; None where it names none."""
    try:
        data = store.files.read(f"{layout.report(day)}/summary.json")
        return msgspec.json.decode(data, type=_Summary).inputs
    except (FleetLedgerError, msgspec.DecodeError):  # missing or damaged: check reports that itself
        return None


def _warning(key: str, message: str) -> Problem:
    return Problem(Severity.WARNING, key, message)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _named(days: Sequence[date]) -> str:
    more = len(days) - _DAYS_NAMED
    named = ", ".join(str(day) for day in days[:_DAYS_NAMED])
    return named + (f" and {more} more" if more > 0 else "")
