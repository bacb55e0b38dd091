"""Types of command-line arguments: a day, an instant, a number in a range, lengths of time."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem

from pipeline.periods import EXAMPLES, MONTH_TO_DATE, parse

MINUTES = {"m": 1, "h": 60, "d": 1440}
SECONDS = {"s": 1, "m": 60, "h": 3600}
MAX_SPREAD = timedelta(hours=24)


class Day(click.ParamType[date]):
    """A UTC day, as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        """The day; click's usage error if ``value`` is not one."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a day, such as 2026-06-15", param, ctx)


class PeriodName(click.ParamType[str]):
    """The name of a period, as :func:`pipeline.periods.parse` reads it."""

    name = "PERIOD"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The name; click's usage error if it names no period."""
        text = str(value)
        try:
            parse(text, date.max)
        except ValueError:
            self.fail(f"{text[:40]!r} is no period: give {EXAMPLES}", param, ctx)
        return text

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The one name that is a word."""
        del ctx, param
        return [CompletionItem(MONTH_TO_DATE)] if MONTH_TO_DATE.startswith(incomplete) else []


class Instant(click.ParamType[datetime]):
    """A moment in ISO 8601; UTC if it has no offset."""

    name = "INSTANT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment in UTC; click's usage error if ``value`` is not one."""
        try:
            moment = datetime.fromisoformat(str(value))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a moment, such as 2026-06-15T00:00:00Z", param, ctx)


class Number(click.FloatRange):
    """A number within a range; NaN is in no range."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The number; click's usage error if ``value`` is not a number or outside the range."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class Age(click.ParamType[timedelta]):
    """A length of time, such as 90m, 26h or 2d."""

    name = "AGE"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> timedelta:
        """The length; click's usage error if ``value`` is not one."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,5})([mhd])", str(value))
        if match is None:
            self.fail(f"{value!r} is not a length of time, such as 90m, 26h or 2d", param, ctx)
        return timedelta(minutes=int(match[1]) * MINUTES[match[2]])


class SpreadLength(click.ParamType[timedelta]):
    """The length of a spread, such as 60m, 6h or 24h; from a second to a day."""

    name = "TIME"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> timedelta:
        """The length; click's usage error if ``value`` is not one, or out of range."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,5})([smh])", str(value))
        length = timedelta(seconds=int(match[1]) * SECONDS[match[2]]) if match else timedelta(0)
        if not timedelta(0) < length <= MAX_SPREAD:
            self.fail(
                f"{value!r} is not a length of time from 1s to 24h, such as 60m, 6h or 24h",
                param,
                ctx,
            )
        return length
