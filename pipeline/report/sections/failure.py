"""The mail of a night in which no account could be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import ApiError, KeyRefusedError
from pipeline.report.model import Failure
from pipeline.report.text import names
from pipeline.report.text.numbers import count_of, day_long

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from pipeline.errors import FleetLedgerError


_LONGEST_REASON = 300


def failure(
    errors: Mapping[str, str],
    cause: str,
    day: date,
    reported: date | None,
    headline: str,
    link: str,
) -> Failure:
    """What failed on ``day``, by account, its ``cause``, and what the last report found."""
    many = f" of {count_of(len(errors), 'account')}" if len(errors) > 1 else ""
    return Failure(
        subject=f"no new data: {cause} ({day.isoformat()})",
        title=f"No new data{many} on {day_long(day)}: {cause}",
        reasons=tuple(
            f"{names.shown(account)}: {names.shown(error, _LONGEST_REASON)}"
            for account, error in errors.items()
        ),
        known=f"The last report is of {day_long(reported)}: {headline}." if reported else "",
        link=link,
    )


def cause(errors: Collection[FleetLedgerError]) -> str:
    """The failure in a few words; only if it is the same for all accounts."""
    kinds = {
        "the API key was refused" if isinstance(error, KeyRefusedError)
        else "the API is unavailable" if isinstance(error, ApiError)
        else "the run failed"
        for error in errors
    }  # fmt: skip
    return kinds.pop() if len(kinds) == 1 else "no account could be read"
