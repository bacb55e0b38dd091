"""Findings and reports whose inputs have changed since they were made, for ``check``."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads the types at run time
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
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.jobs import Job
    from pipeline.store import Store

_DAYS_NAMED = 3


class _Summary(msgspec.Struct):
    """The part of ``summary.json`` about a report's inputs."""

    day: date | None = None
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
    days = [day for day in store.report_days() if _is_stale(store, layout.report(day), stored)]
    scoped = [folder for folder in store.scoped_reports() if _is_stale(store, folder, stored)]
    changed = "the inputs were incomplete, or have changed since; make each again with: report"
    if days:
        yield _warning(
            layout.report(days[0]),
            f"{_count(len(days), 'report')} ({_named(days)}): {changed} --date DAY",
        )
    if scoped:
        names = [folder.removeprefix(f"{layout.REPORTS}/") for folder in scoped]
        yield _warning(
            scoped[0],
            f"{_count(len(scoped), 'report')} ({_named(names)}): {changed}, with its --period and "
            "--account",
        )


def _is_stale(store: Store, folder: str, stored: Mapping[date, str]) -> bool:
    """Whether the report in ``folder`` was made from other findings, or from incomplete inputs."""
    try:
        data = store.files.read(f"{folder}/summary.json")
        summary = msgspec.json.decode(data, type=_Summary)
    except (FleetLedgerError, msgspec.DecodeError):  # missing or damaged: check reports that itself
        return False
    inputs = summary.inputs
    if inputs is None or inputs.findings_version != FINDINGS_VERSION or summary.day is None:
        return False
    return bool(inputs.incomplete) or inputs.findings != stored.get(summary.day)


def _warning(key: str, message: str) -> Problem:
    return Problem(Severity.WARNING, key, message)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _named(days: Sequence[object]) -> str:
    more = len(days) - _DAYS_NAMED
    named = ", ".join(str(day) for day in days[:_DAYS_NAMED])
    return named + (f" and {more} more" if more > 0 else "")
