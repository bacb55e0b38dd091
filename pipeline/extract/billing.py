"""Bills: what an account was billed by day, from ``/v2/billing/usage`` or from a file.

A file is the same JSON, or CSV with the columns ``date`` and ``amount`` (and ``currency``). Days
are UTC days: a bill whose days begin at another hour is refused, since its days are others. The
newest day of a period that is not over is left out, because it is billed in part. Known limit: the
API's bill does not show that the last day of a period is not over yet.
"""

from __future__ import annotations

import csv
import io
import math
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from pipeline.errors import SettingsError
from pipeline.extract import lenient_decode
from pipeline.extract.api_errors import UnusableResponseError, parse_refusal
from pipeline.extract.budget import RequestBudget, Timing
from pipeline.extract.client import ApiTarget, Client
from pipeline.model import Bill
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.settings import Extract

PATH = "billing/usage"
QUERY = {"timeRange": "current_month", "granularity": "daily", "resourceType[]": "clusters"}
CLUSTERS = "clusters"
_MOST = Decimal(10**12)
"""Units of the currency a day; more is no bill, and integers overflow beyond it."""


class _BillError(ValueError):
    """The bill cannot be used, for this reason."""


def fetch_bill(api: ApiTarget, settings: Extract, timing: Timing | None = None) -> Bill:
    """What the account was billed in the month to date.

    Raises:
        KeyRefusedError: the API does not accept the key.
        ApiError: no usable response.
    """
    budget = RequestBudget(settings, timing or Timing())
    with closing(Client(replace(api, version="v2"), settings, budget, PATH)) as client:
        return client.get(QUERY, _decode).page


def parse_bill(data: bytes, source: str) -> Bill:
    """The bill in a file; ``source`` names it in errors.

    Raises:
        SettingsError: it is neither the JSON of ``/v2/billing/usage`` nor CSV of date and amount.
    """
    try:
        text = data.decode("utf-8-sig")
        is_json = text.lstrip()[:1] in {"{", "["}
        return _of_usage(lenient_decode.parse(data)) if is_json else _of_csv(text)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{source}: not UTF-8 text; save it as UTF-8") from error
    except ValueError as error:
        reason = error if isinstance(error, _BillError) else "not valid JSON"
        raise SettingsError(
            f"{source}: {reason}; give the JSON of /v2/{PATH}, or CSV with the columns date, amount"
        ) from error


def _decode(body: bytes) -> Bill:
    try:
        value = lenient_decode.parse(body)
        if refusal := parse_refusal(value, 200):
            raise refusal
        return _of_usage(value)
    except ValueError as error:
        reason = error if isinstance(error, _BillError) else "not valid JSON"
        raise UnusableResponseError(f"/v2/{PATH}: {reason}") from error


def _of_usage(value: Any) -> Bill:  # noqa: ANN401 - any JSON value
    """The bill in the JSON of ``/v2/billing/usage``."""
    breakdown = value.get("breakdown") if isinstance(value, dict) else None
    if not isinstance(breakdown, list):
        raise _BillError("it has no list 'breakdown'")
    resources = {part.get("resourceType"): part for part in breakdown if isinstance(part, dict)}
    series = resources.pop(CLUSTERS, {}).get("timeSeries")
    if not isinstance(series, list):
        raise _BillError(f"its breakdown has no timeSeries of resourceType '{CLUSTERS}'")
    entries = [point if isinstance(point, dict) else {} for point in series]
    days = _days([(point.get("timestamp"), point.get("cost")) for point in entries])
    if _is_unfinished(value.get("period")):
        del days[max(days)]
    summary = value.get("summary")
    currency = summary.get("currency") if isinstance(summary, dict) else None
    return Bill(
        days=days,
        currency=currency if isinstance(currency, str) else None,
        others={
            str(name): _micros(part["usage"]["cost"])
            for name, part in resources.items()
            if isinstance(part.get("usage"), dict) and "cost" in part["usage"]
        },
    )


def _is_unfinished(period: object) -> bool:
    """Whether days of the bill's period are still to come."""
    if not isinstance(period, dict):
        return False
    elapsed, length = period.get("daysElapsed"), period.get("daysInPeriod")
    return isinstance(elapsed, int) and isinstance(length, int) and elapsed < length


def _of_csv(text: str) -> Bill:
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
    rows = list(reader)
    if missing := [name for name in ("date", "amount") if name not in columns]:
        names = ", ".join(columns) or "nothing"
        raise _BillError(
            f"it has no column {' and no column '.join(missing)} (it has: {names[:80]})"
        )
    currencies = _currencies(rows, columns)
    if len(currencies) > 1:
        raise _BillError(f"it has several currencies: {', '.join(sorted(currencies))}")
    return Bill(
        days=_days([(row[columns["date"]], row[columns["amount"]]) for row in rows]),
        currency=next(iter(currencies), None),
    )


def _currencies(rows: list[dict[str, Any]], columns: Mapping[str, str]) -> set[str]:
    column = columns.get("currency")
    return {row[column].strip() for row in rows if column is not None and row[column]}


def _days(pairs: list[tuple[object, object]]) -> dict[date, int]:
    days: dict[date, int] = {}
    for when, amount in pairs:
        day = _day(when)
        if day in days:
            raise _BillError(f"{day} is in it twice; give one amount for each day")
        days[day] = _micros(amount)
    if not days:
        raise _BillError("it has no days")
    return dict(sorted(days.items()))


def _day(value: object) -> date:
    """The UTC day of a date, or of a midnight in UTC."""
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise _BillError(f"{str(value)[:40]!r} is no date, such as 2026-06-15") from None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if (moment.hour, moment.minute, moment.second) != (0, 0, 0):
        raise _BillError(
            f"its days begin at {moment:%H:%M} UTC and the ledger's at midnight UTC, so that they "
            "cannot be compared: set the account's billing timezone to UTC"
        )
    return moment.date()


def _micros(value: object) -> int:
    try:
        amount = Decimal("NaN" if isinstance(value, bool) else str(value).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not math.isfinite(amount) or abs(amount) > _MOST:
        raise _BillError(f"{str(value)[:40]!r} is no amount, such as 1234.56")
    return round(amount * MICROS_PER_UNIT)
