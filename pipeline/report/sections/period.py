"""The first sentences of a period's report: what it cost, what changed, what acting saved.

The cost is the exact sum of the ledger days, to the cent, as in the table of spend by day. Days
without data are named, and a period is compared only with one that was observed as completely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.summary import MissingDays, PeriodNumbers
from pipeline.report.text import names
from pipeline.report.text.numbers import UNKNOWN, change, compared, count_of
from pipeline.report.text.periods import in_span, listed, span
from pipeline.transform.fold import between
from pipeline.transform.totals import known_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.report.inputs import ReportInputs
    from pipeline.transform.period_review import Missing, PeriodReview
    from pipeline.transform.totals import Totals


def title(inputs: ReportInputs, totals: Totals, review: PeriodReview) -> str:
    """``May 2026: $31,204.55 spent, $412.10 (1.3 %) more than in April 2026; …``."""
    money, label = inputs.money, inputs.covered()
    saved = f"; {_saved(inputs, review)}"
    if totals.spend_micros is None:
        return f"{label}: spend is unknown{saved}"
    changed = _changed(inputs, totals.spend_micros, review)
    change_from = f", {changed}" if changed else ""
    return f"{label}: {money.exact(totals.spend_micros)} spent{change_from}{saved}"


def subject(inputs: ReportInputs, totals: Totals) -> str:
    """The short form for a mail's subject."""
    money, review = inputs.money, inputs.review
    spent = "cost unknown"
    if totals.spend_micros is not None:
        spent = f"{money.rounded(totals.spend_micros)} spent"
    saved = review.realised_micros if review else None
    realised = f", {money.rounded(saved)} saved" if saved and saved > 0 else ""
    return f"{inputs.covered()}: {spent}{realised}"


def lede(inputs: ReportInputs, totals: Totals, review: PeriodReview) -> tuple[str, ...]:
    """Which days lack data, and why there is no comparison, or what the length does to it."""
    sentences = []
    if review.missing:
        sentences.append(
            f"No data: {_days(review.missing)}. What these days cost is unknown and not included."
        )
    if review.incomparable:
        before = span(review.before.first, review.before.last)
        sentences.append(f"Not compared with {before}: no data of {_days(review.incomparable)}.")
    return (*sentences, *_per_day(inputs, totals, review))


def _per_day(inputs: ReportInputs, totals: Totals, review: PeriodReview) -> tuple[str, ...]:
    """Per day, where the two periods differ in length: a longer one costs more by itself."""
    before, days = before_micros(inputs, review), totals.days_known
    if before is None or totals.spend_micros is None or days == review.before.days:
        return ()
    then = round(before / review.before.days)
    now = round(totals.spend_micros / days)
    moved = change(now, then)
    if moved == UNKNOWN:
        return ()
    name = in_span(review.before.first, review.before.last)
    return (
        (
            f"Per day that is {inputs.money.rounded(now)}, {compared(moved)} {name}, which has "
            f"{count_of(review.before.days, 'day')}."
        ),
    )


def before_micros(inputs: ReportInputs, review: PeriodReview) -> int | None:
    """What the period before cost; None where the two cannot be compared."""
    if review.incomparable:
        return None
    rows = between(inputs.ledger, review.before.first, review.before.last)
    return known_sum(rows["spend_micros"]) if len(rows) else 0


def numbers(inputs: ReportInputs) -> PeriodNumbers | None:
    """The same for ``summary.json``."""
    review = inputs.review
    if review is None:
        return None
    period = review.period
    return PeriodNumbers(
        name=inputs.covered(),
        first=period.first,
        last=period.last,
        days=period.days,
        days_known=period.known(inputs.days),
        missing=_runs(review.missing),
        before=(review.before.first, review.before.last),
        before_micros=before_micros(inputs, review),
        not_compared=_runs(review.incomparable),
        realised_micros=review.realised_micros,
    )


def _changed(inputs: ReportInputs, spend: int, review: PeriodReview) -> str:
    """``$412.10 (1.3 %) more than in April 2026``; empty where it is not compared."""
    before, money = before_micros(inputs, review), inputs.money
    if before is None:
        return ""
    then = in_span(review.before.first, review.before.last)
    if before == spend:
        return f"the same as {then}"
    moved = change(spend, before)
    by = "" if moved == UNKNOWN else f" ({moved[1:]})"
    more = "more" if spend > before else "less"
    return f"{money.exact(abs(spend - before))}{by} {more} than {then}"


def _saved(inputs: ReportInputs, review: PeriodReview) -> str:
    """What acting on findings saved: never more than was measured."""
    saved = review.realised_micros
    if saved is None:
        return "realised savings are unknown"
    if saved == 0:
        return "no realised savings"
    if saved < 0:
        return f"clusters acted on cost {inputs.money.exact(-saved)} more than expected"
    return f"acting on findings saved {inputs.money.exact(saved)}"


def _days(lacking: Sequence[Missing]) -> str:
    return "; ".join(
        (f"account {names.shown(missing.account)} " if missing.account else "")
        + listed(missing.runs)
        for missing in lacking
    )


def _runs(lacking: Sequence[Missing]) -> tuple[MissingDays, ...]:
    return tuple(
        MissingDays(account=missing.account or None, first=first, last=last)
        for missing in lacking
        for first, last in missing.runs
    )
