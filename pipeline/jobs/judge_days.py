"""Days in a row judged from the stored ledger, in blocks that the engine can share out.

A block of days reads its look-back once. In a fleet so large that the look-back does not fit in
memory at once, evidence is gathered from one range of cluster ids after the other, and blocks are
shorter, since the evidence of all days of a block is in memory.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pipeline.jobs import provenance
from pipeline.jobs.ledger_rows import LedgerRows, Span, id_ranges, read_rows
from pipeline.jobs.report_rows import Utilization
from pipeline.model import EVERY_ID
from pipeline.transform.findings import judge
from pipeline.transform.findings.measures import SPEND_COLUMNS, EvidenceRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.report_rows import ReportDays
    from pipeline.model import IdRange, LedgerRef
    from pipeline.store import Store
    from pipeline.transform.findings.judge import DayOutcomes, Policy
    from pipeline.transform.observed import Until

BLOCK_DAYS = 14
"""Longer blocks read less in all, and need more memory."""


@dataclass(frozen=True)
class Judged:
    """The outcomes of a day; lifecycles are the caller's."""

    lacking: frozenset[str]
    """The ledger files that cannot be read, without which they are."""
    outcomes: DayOutcomes
    utilization: Utilization | None = None
    """That of the report, with the last day; None if a file is damaged."""


@dataclass(frozen=True)
class _Block:
    """Days in a row to judge, with the policy of each."""

    in_force: Mapping[date, Policy]
    span: Span
    refs: tuple[LedgerRef, ...]
    report: ReportDays | None


@dataclass(frozen=True)
class _Evidence:
    """What some clusters of a block are judged by."""

    days: tuple[pd.DataFrame, ...]
    """The evidence of each day."""
    damaged: tuple[str, ...]
    utilization: Utilization | None
    """What the report asked for."""


def lookback(first: date, last: date) -> Span:
    """The ledger days that the findings of the days ``first`` to ``last`` read."""
    return Span(
        first - timedelta(days=judge.LOOKBACK_DAYS - 1),
        first - timedelta(days=judge.TRAILING_DAYS - 1),
        last,
    )


def outcomes_of_rows(
    rows: LedgerRows, damaged: Iterable[str], in_force: Mapping[date, Policy], until: Until
) -> Iterator[Judged]:
    """The outcomes of each day from the rows of its look-back, without the ``damaged`` files."""
    for day, policy in in_force.items():
        evidence = judge.evidence_of(_rows_of(rows, day), policy, day, until)
        lacking = provenance.lookback(damaged, day)
        yield Judged(lacking, judge.judge_evidence([evidence], policy, day))


def outcomes_of_days(
    job: Job, in_force: Mapping[date, Policy], until: Until, report: ReportDays | None = None
) -> Iterator[Judged]:
    """The outcomes of days in a row, which the engine judges.

    The last one has the utilization of ``report``.
    """
    days = list(in_force)
    newest = _block(job.store, in_force, days[-1:], report)
    ranges = id_ranges(job.store, newest.span, newest.refs)
    size = max(1, BLOCK_DAYS // len(ranges))
    blocks = [
        _block(job.store, in_force, some, report if some[-1] == days[-1] else None)
        for some in (days[n : n + size] for n in range(0, len(days), size))
    ]
    if len(ranges) == 1:
        with closing(job.each(partial(_judge_block, until), blocks)) as judged:
            for outcomes in judged:
                yield from outcomes
        return
    for block in blocks:
        tasks = [(block, ids) for ids in ranges]
        with closing(job.each(partial(_gather, until), tasks)) as evidence:
            yield from _judge(block, list(evidence))


def _block(
    store: Store,
    in_force: Mapping[date, Policy],
    days: list[date],
    report: ReportDays | None = None,
) -> _Block:
    span = lookback(days[0], days[-1])
    if report is not None:
        span = span.with_days_of(report.span)
    return _Block({day: in_force[day] for day in days}, span, tuple(span.refs(store)), report)


def _gather(until: Until, store: Store, task: tuple[_Block, IdRange]) -> _Evidence:
    """The evidence of the clusters of a range."""
    block, ids = task
    damaged: list[str] = []
    rows = read_rows(store, block.span, block.refs, damaged, history=SPEND_COLUMNS, ids=ids)
    utilization = Utilization.of(rows, block.report, until) if block.report else None
    days = (
        judge.evidence_of(_rows_of(rows, day), policy, day, until)
        for day, policy in block.in_force.items()
    )
    return _Evidence(tuple(days), tuple(damaged), utilization)


def _judge_block(until: Until, store: Store, block: _Block) -> list[Judged]:
    return _judge(block, [_gather(until, store, (block, EVERY_ID))])


def _judge(block: _Block, parts: list[_Evidence]) -> list[Judged]:
    """The outcomes of each day of a block from the evidence of all its clusters."""
    damaged = {key for part in parts for key in part.damaged}
    judged = [
        Judged(
            provenance.lookback(damaged, day),
            judge.judge_evidence([part.days[n] for part in parts], policy, day),
        )
        for n, (day, policy) in enumerate(block.in_force.items())
    ]
    utilization = [part.utilization for part in parts if part.utilization is not None]
    if utilization and not damaged:
        judged[-1] = replace(judged[-1], utilization=Utilization.together(utilization))
    return judged


def _rows_of(rows: LedgerRows, day: date) -> EvidenceRows:
    oldest = lookback(day, day).oldest
    since = min((known for known in rows.days if oldest <= known <= day), default=None)
    return EvidenceRows(rows.recent, rows.history, since)
