"""Arguments of the notebook's methods: days, periods, changes and rules, checked.

Invalid ones raise :class:`~pipeline.errors.SettingsError`, with the argument's name.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import SettingsError
from pipeline.periods import EXAMPLES, parse
from pipeline.settings import settings_from
from pipeline.spelling import nearest
from pipeline.transform.what_if import Change

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pipeline.periods import Days
    from pipeline.settings import OwnRule, Settings

Day = date | str
"""A day, or its text such as "2025-10-15"; a datetime stands for its day."""
Span = Day | tuple[Day, Day]
"""A period: a day, a month such as "2025-10", or its first and last day."""


def one_change(
    stop: str | None,
    match: str,
    gpus: int | None,
    hours_a_week: float | None,
    rate_card: Mapping[str, float] | None,
) -> Change:
    """The change that exactly one of the arguments but ``match`` asks for."""
    asked = []
    if stop is not None:
        asked.append(Change("stop", stop))
    if gpus is not None:
        asked.append(Change("gpus", match, gpus))
    if hours_a_week is not None:
        asked.append(Change("schedule", match, hours_a_week))
    if rate_card is not None:
        asked.append(Change("rate_card", match, rate_card=rate_card))
    if len(asked) != 1:
        raise SettingsError("give one of stop, gpus, hours_a_week, rate_card")
    return asked[0]


def with_rules(
    settings: Settings,
    rules: Mapping[str, float] | None,
    own_rules: Mapping[str, str | Mapping[str, str]] | None,
) -> Settings:
    """``settings`` with other thresholds and rules, checked as a settings file is."""
    own = {
        name: {"when": rule} if isinstance(rule, str) else dict(rule)
        for name, rule in (own_rules or {}).items()
    }
    raw = {"rules": {**msgspec.to_builtins(settings.rules), **(rules or {})}, "own_rules": own}
    checked = settings_from(raw, "replay")
    kept: dict[str, OwnRule] = settings.own_rules if own_rules is None else checked.own_rules
    return msgspec.structs.replace(settings, rules=checked.rules, own_rules=kept)


def span_of(value: Span, closed: date) -> Days:
    """The first and the last day of a period; a month that is not over ends on ``closed``."""
    if isinstance(value, tuple):
        first, last = (day_of("period", day) for day in value)
        if first is None or last is None:
            raise SettingsError(f"period {value!r}: give its first and its last day")
        return first, last
    text = value if isinstance(value, str) else f"{day_of('period', value)}"
    try:
        period = parse(text, closed)
    except ValueError as error:
        raise SettingsError(f"period {text!r}: give {EXAMPLES}") from error
    return period.first, min(period.last, max(closed, period.first))


def moment_of(at: str | date) -> datetime:
    """The end of a day, or a time; UTC if without an offset."""
    if at == "latest":
        return datetime.max.replace(tzinfo=UTC)
    if isinstance(at, str):
        try:
            at = (
                datetime.fromisoformat(at)
                if len(at) > len("2025-10-15")
                else date.fromisoformat(at)
            )
        except ValueError as error:
            raise SettingsError(
                f"at {at!r}: give 'latest', a day such as '2025-10-15', or a time"
            ) from error
    if isinstance(at, datetime):
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return datetime.combine(at, time.max, UTC)


def days_of(first: Day | None, last: Day | None) -> tuple[date | None, date | None]:
    """Both as days, in order."""
    begin, end = day_of("first", first), day_of("last", last)
    if begin is not None and end is not None and begin > end:
        raise SettingsError(f"first {begin} is after last {end}: swap them")
    return begin, end


def day_of(name: str, value: Day | None) -> date | None:
    """A day from a day, its text or a moment of it; ``name`` is the argument's."""
    if isinstance(value, datetime):
        return value.date()
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise SettingsError(f"{name} {value!r}: not a day, such as '2026-06-15'") from error


def check_columns(columns: Collection[str] | None, known: Sequence[str]) -> None:
    """Refuse columns that are not ``known``."""
    for name in columns or ():
        if name not in known:
            raise SettingsError(f"{unknown('column', name, known)}. See docs/columns.md")


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """That ``name`` is none of ``known``."""
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"
    return f"no {what} {name!r}; {hint}"
