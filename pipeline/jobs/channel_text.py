"""A report's view in the few sentences that channels show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.deliver.channel_message import FILE, Action, ChannelMessage
from pipeline.report.output import render
from pipeline.report.sections import budgets
from pipeline.report.text.names import slug

if TYPE_CHECKING:
    from datetime import date

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import Failure, ReportView
    from pipeline.transform.totals import Totals

_SENTENCES = 2
_MOST_ALERTS = 12
_JUDGED_FIGURES = (
    "waste_micros",
    "saving_proven_micros",
    "saving_likely_micros",
    "saving_suspected_micros",
)


def file_of(owner: str | None) -> str:
    """The file in a report's folder with the message of the report, or of an owner's part."""
    return FILE if owner is None else f"message-{slug(owner)}.json"


def channel_message(inputs: ReportInputs, view: ReportView, day: date) -> ChannelMessage:
    """The message of a report; ``day`` is its date."""
    owner = inputs.owner or None
    page = f"report-{slug(owner)}.html" if owner else "report.html"
    return ChannelMessage(
        kind="report" if inputs.day is not None else "notice",
        day=day,
        kicker=view.headline.kicker,
        title=view.headline.title,
        sentences=view.headline.lede[:_SENTENCES],
        summary=view.first.summary,
        actions=tuple(
            Action(
                action=row.action,
                cluster=row.name,
                where=row.where,
                saving=row.saving,
                grade=row.grade,
                since=row.since,
                is_final=row.is_final,
                instead=row.instead,
            )
            for row in view.first.rows
        ),
        more=view.first.more,
        alerts=_alerts(inputs, view),
        link=render.link_to(inputs.settings.report.base_url, f"reports/{day}", page),
        owner=owner,
        has_findings=bool(view.totals.with_findings),
        currency=inputs.settings.currency,
        figures=_figures(view.totals),
    )


def failure_message(failure: Failure, day: date) -> ChannelMessage:
    """The message of a night in which no account could be read."""
    return ChannelMessage(
        kind="failure",
        day=day,
        kicker=failure.subject,
        title=failure.title,
        sentences=failure.reasons,
        alerts=(failure.known,) if failure.known else (),
        link=failure.link,
    )


def _figures(totals: Totals) -> dict[str, int | None]:
    """Sums in micros; those that follow from findings are unknown if nothing could be judged."""
    figures: dict[str, int | None] = {
        "day_micros": totals.day_micros,
        "spend_micros": totals.spend_micros,
    }
    for name in _JUDGED_FIGURES:
        figures[name] = getattr(totals, name) if totals.judged else None
    return figures


def _alerts(inputs: ReportInputs, view: ReportView) -> tuple[str, ...]:
    """The thresholds crossed, unusual spend, and what is wrong with the data."""
    crossed = [] if inputs.budgets is None else budgets.sentences(inputs.budgets, inputs.money)
    unusual = [
        sentence
        for section in view.before_findings
        if section.key == "unusual"
        for sentence in section.sentences
    ]
    bad = [f"{fact.term}: {fact.value}" for fact in view.data_quality if fact.tone == "bad"]
    return tuple([*crossed, *unusual, *bad][:_MOST_ALERTS])
