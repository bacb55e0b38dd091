"""A data directory, opened for reading: each method is a question about it."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from datetime import UTC, date, datetime
from html import escape
from typing import TYPE_CHECKING

import msgspec
import pandas as pd

from pipeline.errors import KeyRefusedError, SettingsError, StorageError
from pipeline.jobs import Job, changes, open_findings
from pipeline.jobs import findings as findings_jobs
from pipeline.jobs.closed_findings import read_closed_findings
from pipeline.jobs.coverage import coverage
from pipeline.jobs.ledger_window import closed_window, utilization_of
from pipeline.jobs.scoped_report import Asked, scoped_inputs
from pipeline.jobs.spend import spend_of
from pipeline.jobs.why import cluster_of
from pipeline.model import State
from pipeline.notebook.arguments import (
    check_columns,
    day_of,
    days_of,
    moment_of,
    one_change,
    span_of,
    unknown,
    with_rules,
)
from pipeline.notebook.data_folder import data_folder
from pipeline.notebook.money import with_money
from pipeline.notebook.results import Changes, Forecast, Replay, WhatIf, Why
from pipeline.periods import EXAMPLES
from pipeline.report.sections import forecast as forecast_section
from pipeline.report.sections import spend_ahead, spend_change
from pipeline.report.text import cluster_text
from pipeline.report.text.numbers import Money
from pipeline.report.text.rules import RuleText
from pipeline.report.view import totals_of
from pipeline.schema import LEDGER, SNAPSHOT
from pipeline.settings import Rules, Settings, read_settings
from pipeline.store import Store
from pipeline.transform import idle
from pipeline.transform import what_if as pricing
from pipeline.transform.spend import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import NoReturn

    from pipeline.jobs.findings import DayFindings
    from pipeline.model import SnapshotRef
    from pipeline.notebook.arguments import Day, Span
    from pipeline.report.inputs import ReportInputs
    from pipeline.settings import Account
    from pipeline.transform.findings.owners import Owner

_NAMES = ("first", "last")
_METHODS = ["method", "total_micros", "error_share", "low_micros", "high_micros", "origins"]
SPEND_DAYS = 30
"""The days that ``spend`` and ``fleetledger spend`` sum unless others are named."""


class NotebookWarning(UserWarning):
    """What the report and the commands would warn of: damaged files, accounts without data."""


def open_store(
    uri: str = "data",
    options: Mapping[str, str] | None = None,
    settings: str | Settings | None = None,
) -> OpenStore:
    """The data directory ``uri``, for reading.

    Args:
        uri: A folder, searched from the current folder upwards, or ``s3://bucket/prefix``.
        options: For an object store: ``AWS_ENDPOINT_URL`` and the like.
        settings: The settings file of ``--config``; by default the rules, exclusions and owners of
            the last run, the currency USD and no budgets.

    Raises:
        StorageError: nothing is stored there; the message names the folders that were tried.
        SettingsError: an invalid settings file.

    >>> import pipeline as fl
    >>> fl.open_store("data/sample")
    <data/sample: accounts default; 16 snapshots; 29 ledger days, 2025-09-18 to 2025-10-16>
    """
    return OpenStore(data_folder(uri), options, settings)


class OpenStore:
    """A data directory, opened for reading.

    Every method reads the store again and writes nothing. Invalid arguments raise
    :class:`~pipeline.errors.SettingsError`, a store without a closed day
    :class:`~pipeline.errors.StorageError`, and a damaged file
    :class:`~pipeline.errors.DamageError` where it cannot be left out. What a command would warn of
    is a :class:`NotebookWarning`.
    """

    def __init__(
        self,
        uri: str | Store,
        options: Mapping[str, str] | None = None,
        settings: str | Settings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Open ``uri``; ``options`` and ``settings`` as in :func:`open_store`.

        Args:
            uri: The data directory, or a store that is open.
            options: For an object store.
            settings: The settings file.
            now: The clock; snapshots dated after it are left out, as by the commands.
            warn: Gets what a command would warn of; by default a :class:`NotebookWarning`.

        Raises:
            StorageError: the directory is empty.
        """
        self.store = uri if isinstance(uri, Store) else Store(uri, options)
        if self.store.is_empty():
            where = self.store.files.path("") or uri
            raise StorageError(f"{where}: nothing is stored there; run `fleetledger extract`")
        self._now = now
        self._warn = warn
        self._owners: tuple[Owner, ...] | None = None
        self._has_settings = settings is not None
        if isinstance(settings, str):
            settings = read_settings(settings, "settings")
        self.settings: Settings = settings or self._last_settings()

    def __repr__(self) -> str:
        days = sorted({ref.day for ref in self.store.ledger_days()})
        span = f", {days[0]} to {days[-1]}" if days else ""
        return (
            f"<{self.store.files.place}: accounts {', '.join(self.store.accounts()) or 'none'}; "
            f"{len(self.store.snapshots())} snapshots; {len(days)} ledger days{span}>"
        )

    def _repr_html_(self) -> str:
        with self._job() as job:
            until = coverage(job).until
        rows = [
            (
                name,
                len(self.store.snapshots(name)),
                len({ref.day for ref in self.store.ledger_days(name)}),
                until.get(name, "none"),
            )
            for name in self.store.accounts()
        ]
        columns = ["account", "snapshots", "ledger days", "last closed day"]
        table = pd.DataFrame(rows, columns=columns).to_html(index=False)
        return f"<p>{escape(self.store.files.place)}</p>{table}"

    @property
    def last_day(self) -> date:
        """The last closed day.

        Raises:
            StorageError: no day is closed yet.
        """
        with self._job() as job:
            return coverage(job).last_day()

    def snapshots(
        self,
        since: Day | None = None,
        columns: Sequence[str] | None = None,
        until: Day | None = None,
    ) -> pd.DataFrame:
        """The clusters of every snapshot of the UTC days ``since`` to ``until``.

        Returns:
            ``schema.SNAPSHOT`` and ``snapshot_state``, or ``columns`` of these; a row per cluster
            and snapshot. Money in the currency per hour or since creation, GPU use in percent.

        >>> import pipeline as fl
        >>> store = fl.open_store("data/sample")
        >>> seen = store.snapshots(since="2025-10-15", columns=["status", "gpu_utilization_pct"])
        >>> seen["gpu_utilization_pct"].dtype
        dtype('float64')
        """
        check_columns(columns, (*SNAPSHOT.names, "snapshot_state"))
        first, last = day_of("since", since), day_of("until", until)
        with self._job() as job:
            refs = [
                ref
                for ref in job.snapshots()
                if (first or date.min) <= ref.day <= (last or date.max)
            ]
            return with_money(self.store.read_snapshots(refs, columns))

    def snapshot(
        self, at: str | date = "latest", columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The fleet as of one moment: each account's last complete snapshot up to ``at``.

        Args:
            at: ``latest``, a day (its end), or a time; UTC if without an offset.
            columns: Only these.

        Returns:
            As :meth:`snapshots`, a row per cluster.

        Raises:
            StorageError: no account has a complete snapshot by then.

        >>> import pipeline as fl
        >>> fleet = fl.open_store("data/sample").snapshot("latest")
        >>> fleet["cluster_id"].is_unique
        True
        """
        check_columns(columns, (*SNAPSHOT.names, "snapshot_state"))
        moment = moment_of(at)
        newest: dict[str, SnapshotRef] = {}
        with self._job() as job:
            for ref in job.snapshots():
                if ref.state is State.COMPLETE and ref.started_at <= moment:
                    newest[ref.account] = ref
            if not newest:
                raise StorageError(f"{self.store.files.place}: no complete snapshot by {at}")
            return with_money(self.store.read_snapshots(list(newest.values()), columns))

    def ledger(
        self,
        first: Day | None = None,
        last: Day | None = None,
        columns: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """The ledger rows of ``first`` to ``last`` (both included), open days too.

        Returns:
            ``schema.LEDGER`` or ``columns`` of it; a row per cluster and UTC day.

        >>> import pipeline as fl
        >>> week = fl.open_store("data/sample").ledger("2025-10-06", "2025-10-12")
        >>> week["date"].nunique()
        7
        """
        check_columns(columns, LEDGER.names)
        begin, end = days_of(first, last)
        rows = self.store.read_ledger(begin or date.min, end or date.max, columns=columns)
        return with_money(rows)

    def spend(
        self,
        *by: str,
        first: Day | None = None,
        last: Day | None = None,
        days: int = SPEND_DAYS,
    ) -> pd.DataFrame:
        """The spend of closed days, as ``fleetledger spend`` sums it.

        Args:
            by: What to cut by: "date", "account", "project_id", "region", "gpu_type",
                "template_id", "owner", "cluster_id". None: a row per cluster and day.
            first: The first day.
            last: The last one; by default the last closed day.
            days: This many days up to the last, where ``first`` is not given.

        Returns:
            The dimensions, then ``clusters``, ``spend`` with its bounds ``spend_low`` and
            ``spend_high`` (NaN: no upper bound), ``metered``, ``estimated``, ``stopped_spend``,
            each with its micros, ``unpriced_rows`` and seconds. By date, then most money first.

        Raises:
            SettingsError: not a dimension, or days that are not closed.

        >>> import pipeline as fl
        >>> spend = fl.open_store("data/sample").spend("project_id", days=7)
        >>> list(spend.columns[:4])
        ['project_id', 'clusters', 'spend', 'spend_micros']
        """
        for name in by:
            if name not in DIMENSIONS:
                raise SettingsError(unknown("dimension", name, DIMENSIONS))
        begin, end = days_of(first, last)
        with self._job() as job:
            window = closed_window(job, begin, end, days, _NAMES)
            return with_money(spend_of(job, by, window, self._owners))

    def utilization(self, first: Day | None = None, last: Day | None = None) -> pd.DataFrame:
        """The use of each cluster's GPUs, most unused money first.

        The default window is the report's: 30 days up to the last closed day, unless the settings
        have another.

        Returns:
            ``schema.UTILIZATION``, a row per cluster: percent, seconds and money.

        >>> import pipeline as fl
        >>> use = fl.open_store("data/sample").utilization()
        >>> bool(use["gpu_mean_pct"].dropna().between(0, 100).all())
        True
        """
        return with_money(self._utilization(first, last, self.settings.report.window_days))

    def idle(
        self,
        first: Day | None = None,
        last: Day | None = None,
        rules: Rules | None = None,
    ) -> pd.DataFrame:
        """Idle candidates, most provable waste first, as in the report's idle.csv.

        The default window is the rules' (``idle_window_days``) up to the last closed day. Another
        ``first`` or ``last`` judges other days by the same rule.

        Returns:
            ``schema.IDLE``, a row per candidate: its ``grade``, the busy share that its samples
            leave possible (``busy_share_bound``, 0-1), and ``provable_waste``, which is proven
            waste where the grade is proven.

        >>> import pipeline as fl
        >>> idle = fl.open_store("data/sample").idle()
        >>> set(idle["grade"]) <= {"proven", "likely", "suspected"}
        True
        """
        rules = rules or self.settings.rules
        use = self._utilization(first, last, rules.idle_window_days)
        return with_money(idle.candidates(use, rules))

    def findings(self, day: Day | None = None, *, all_outcomes: bool = False) -> pd.DataFrame:
        """The open findings of a closed day, those that save most first, as `fleetledger findings`.

        Args:
            day: By default the last closed one.
            all_outcomes: Every rule for every cluster: also what is clear, does not apply, or could
                not be judged.

        Returns:
            ``schema.FINDINGS`` and ``reason``, a row per cluster and rule. Savings are of the next
            30 days; ``waiting_cost`` is since it was found.

        Raises:
            StorageError: no day is closed yet.
            SettingsError: ``day`` is not closed.

        >>> import pipeline as fl
        >>> found = fl.open_store("data/sample").findings()
        >>> set(found["outcome"])
        {'FINDING'}
        """
        with self._job() as job:
            judged = self._judged(job, day)
            rows = judged.findings if all_outcomes else open_findings.ranked(judged.findings)
            return with_money(self._rule_text(judged).with_reasons(rows))

    def changes(self, before: Span | None = None, after: Span | None = None) -> Changes:
        """What changed from one period to another, by default in the last two weeks.

        Args:
            before: A day ("2025-10-01"), a month ("2025-09"), or the first and the last day.
            after: The same.

        Returns:
            The causes, which add up to the difference of spend exactly, the clusters they are
            about, and the clusters whose status differs between the ends of the two.

        Raises:
            SettingsError: not a period, or days that are not closed.

        >>> import pipeline as fl
        >>> changed = fl.open_store("data/sample").changes("2025-10-14", "2025-10-15")
        >>> int(changed.causes["micros"].sum()) == changed.after_micros - changed.before_micros
        True
        """
        with self._job() as job:
            closed = coverage(job).last_day()
            spans = [None if s is None else span_of(s, closed) for s in (before, after)]
            detail = changes.changes_between(job, *spans)
        change, money = detail.spend, Money(self.settings.currency)
        statuses = detail.statuses
        return Changes(
            sentences=(spend_change.sentence(change, money),),
            before=change.before,
            after=change.after,
            before_micros=detail.before_micros,
            after_micros=detail.after_micros,
            causes=with_money(change.by_cause),
            clusters=with_money(change.rows),
            statuses=None if statuses is None else with_money(statuses),
            detail=detail,
            money=money,
        )

    def why(self, cluster: str, day: Day | None = None) -> Why:
        """Why a cluster is flagged, or is not: the text of ``fleetledger why``, and its tables.

        Args:
            cluster: Its id, or its name if no other cluster has it.
            day: As of this closed day; by default the last one.

        Raises:
            SettingsError: no such cluster in the last 30 days, or a day that is not closed.

        >>> import pipeline as fl
        >>> store = fl.open_store("data/sample")
        >>> explained = store.why(store.findings()["cluster_id"].iloc[0])
        >>> explained.outcomes["rule_id"].is_unique
        True
        """
        with self._job() as job:
            judged = self._judged(job, day)
            known = cluster_of(job, judged, cluster)
        rule_text = self._rule_text(judged)
        outcomes = rule_text.with_reasons(known.outcomes)
        lines = cluster_text.sections(known.newest, outcomes, known.evidence, rule_text, judged.day)
        return Why(
            sentences=tuple(lines),
            day=judged.day,
            cluster=cluster_text.facts(known.newest),
            outcomes=with_money(outcomes),
            days=with_money(known.days),
        )

    def forecast(self, day: Day | None = None) -> Forecast:
        """What the month of ``day`` (the last closed one) is forecast to cost, and the budgets.

        Returns:
            The report's forecast: the methods with their back-tested errors (shares) and the range
            of 8 of 10 outcomes, the days ahead, and the budgets of the settings.

        >>> import pipeline as fl
        >>> ahead = fl.open_store("data/sample").forecast()
        >>> (str(ahead.first), str(ahead.until))
        ('2025-10-01', '2025-10-31')
        """
        inputs = self.report_inputs(day=day)
        made = inputs.forecast
        assert made is not None  # noqa: S101 - a report of a closed day has one
        section = forecast_section.section(inputs, totals_of(inputs))
        window = inputs.window
        newest = window.loc[window["date"] == window["date"].max(), "spend_micros"]
        ahead = spend_ahead.forecast_days(inputs, int(newest.sum()))
        methods = pd.DataFrame(
            [msgspec.to_builtins(each) for each in made.estimates],
            columns=[
                "method",
                "total_micros",
                "error_share",
                "low_micros",
                "high_micros",
                "origins",
            ],
        )
        methods["is_quoted"] = methods["method"] == (made.quoted.method if made.quoted else None)
        return Forecast(
            sentences=section.sentences if section else (),
            first=made.first,
            until=made.until,
            spent_micros=made.spent_micros,
            refused=made.refused,
            methods=with_money(methods),
            ahead=None if ahead is None else _ahead(ahead),
            budgets=with_money(inputs.budgets.table) if inputs.budgets else None,
        )

    def what_if(
        self,
        *,
        stop: str | None = None,
        match: str = "*",
        gpus: int | None = None,
        hours_a_week: float | None = None,
        rate_card: Mapping[str, float] | None = None,
    ) -> WhatIf:
        """The cost of 30 days before and after one change, as ``fleetledger what-if``.

        Args:
            stop: Stop the clusters whose id, name, project or template matches; * and ? match
                anything.
            match: The clusters that the other arguments change.
            gpus: Give each this many GPUs.
            hours_a_week: Run each at most this long.
            rate_card: Price them by these prices per GPU-hour, by GPU type, in the currency.

        Raises:
            SettingsError: none or several changes, or an invalid value.

        >>> import pipeline as fl
        >>> plan = fl.open_store("data/sample").what_if(stop="*-dev-*")
        >>> plan.before_micros - plan.after_micros == -plan.difference_micros
        True
        """
        change = one_change(stop, match, gpus, hours_a_week, rate_card)
        with self._job() as job:
            rows = findings_jobs.what_if(job, change)
        sums, money = pricing.totals(rows), Money(self.settings.currency)
        unpriced = int((~rows["is_priced"].astype(bool)).sum())
        text = (
            f"{len(rows)} clusters match. 30 days would cost {money.rounded(sums['after_micros'])} "
            f"instead of {money.rounded(sums['before_micros'])}, if the clusters otherwise stay as "
            "they are."
        )
        more = (f"{unpriced} of them have no price and are in no total.",) if unpriced else ()
        return WhatIf(sentences=(text, *more), clusters=with_money(rows), **sums)

    def replay(
        self,
        first: Day,
        last: Day,
        rules: Mapping[str, float] | None = None,
        own_rules: Mapping[str, str | Mapping[str, str]] | None = None,
    ) -> Replay:
        """What rules would have found on past days, and what became of it.

        Args:
            first: The first day to judge.
            last: The last one.
            rules: Thresholds that differ from the settings', by name: {"idle_window_days": 7}.
            own_rules: Rules of your own by name, instead of those of the settings: a condition such
                as "gpu_max_pct < 20 and spend_micros > 100" (money in the currency), or the keys of
                ``[own_rules]``.

        Returns:
            The first flag of each cluster by each rule, and per rule how many of those flagged were
            stopped or gone within 14 days (``precision``, 0-1; NaN: no flag is decided yet).

        Raises:
            SettingsError: an invalid rule, or days that are not closed.

        >>> import pipeline as fl
        >>> mine = {"quiet": "gpu_mean_pct < 10 and running_hours > 24"}
        >>> tried = fl.open_store("data/sample").replay("2025-10-01", "2025-10-15", own_rules=mine)
        >>> "quiet" in set(tried.precision["rule_id"])
        True
        """
        begin, end = days_of(first, last)
        assert begin is not None  # noqa: S101 - both are required
        assert end is not None  # noqa: S101
        changed = with_rules(self.settings, rules, own_rules)
        with self._job() as job:
            done = findings_jobs.replay(job, begin, end, changed, _NAMES)
        flagged = len(done.flags)
        return Replay(
            sentences=(f"{begin} to {end}: {flagged} first flags.",),
            flags=with_money(done.flags),
            precision=done.precision,
        )

    def report_inputs(
        self, period: str | None = None, *, day: Day | None = None, window: str | None = None
    ) -> ReportInputs:
        """What the report is made from, for ``charts`` and for code that needs more than a method.

        Args:
            period: A month ("2025-09"), a day, or "month" for the month to date.
            day: Else the day of a nightly report; by default the last closed one.
            window: The days of that report, such as "7d".

        >>> import pipeline as fl
        >>> str(fl.open_store("data/sample").report_inputs().day)
        '2025-10-15'
        """
        asked = Asked(period=period, day=day_of("day", day), window=window)
        with self._job() as job:
            try:
                return scoped_inputs(
                    job, asked, is_stored=False, applies_settings=self._has_settings
                ).inputs
            except ValueError as error:
                raise SettingsError(f"period {period!r}: give {EXAMPLES}") from error

    def _utilization(self, first: Day | None, last: Day | None, days: int) -> pd.DataFrame:
        begin, end = days_of(first, last)
        with self._job() as job:
            window = closed_window(job, begin, end, days, _NAMES)
            return utilization_of(job, window)

    def _judged(self, job: Job, day: Day | None) -> DayFindings:
        return read_closed_findings(
            job, day_of("day", day), applies_settings=self._has_settings, named_by="day"
        )

    def _rule_text(self, judged: DayFindings) -> RuleText:
        return RuleText(self.settings, judged.policy.applied.rulebook)

    def _last_settings(self) -> Settings:
        """The rules that the last run judged by."""
        stored = findings_jobs.stored_policies(self.store)
        if not stored:
            return Settings()
        self._owners = stored[-1].owners
        return Settings(rules=stored[-1].rules, own_rules=stored[-1].own_rules)

    @contextmanager
    def _job(self) -> Iterator[Job]:
        """A job that reads; what it notes is a warning."""
        job = Job(self.store, self.settings, _no_key, self._now)
        yield job
        for message in job.messages:
            if self._warn is not None:
                self._warn(message)
            else:
                warnings.warn(message, NotebookWarning, stacklevel=4)


def _no_key(name: str, _account: Account) -> NoReturn:
    raise KeyRefusedError(f"account {name}: a notebook has no key and asks no API")


def _ahead(days: pd.DataFrame) -> pd.DataFrame:
    """Estimates of days, as whole micros."""
    columns = {
        "date": pd.to_datetime(days["date"]),
        "micros": days["micros"].round().astype("Int64"),
    }
    for name in ("low", "high"):
        columns[f"{name}_micros"] = days[name].round().astype("Int64")
    return with_money(pd.DataFrame(columns))
