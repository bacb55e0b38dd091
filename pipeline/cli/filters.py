"""Filters of lists: their closed sets of values, and what is written where nothing matches.

An unknown value of a closed set is wrong usage, in the words of the List Clusters API. A text that
matches nothing is not wrong: the answer is empty, and a line on stderr names the option.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from pipeline.cli.options import print_note
from pipeline.errors import SettingsError
from pipeline.spelling import near, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from pipeline.jobs.open_findings import Filters, OpenFinding
    from pipeline.settings import Settings

STATUSES = ("running", "stopped", "starting", "stopping", "error", "pending")
GPU_TYPES = ("A100", "H100", "RTX4090", "V100", "T4")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
"""The values that the API documents."""
_MOST_NAMED = 8


class OneOf(click.ParamType[str]):
    """One of the values that the API documents, checked as the API checks it."""

    name = "VALUE"

    def __init__(self, values: Sequence[str], *, is_closed: bool = True) -> None:
        """``is_closed``: whether other values are refused at once; else by :func:`check_listed`."""
        self.values = tuple(values)
        self.is_closed = is_closed

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The value; click's usage error if it is none."""
        text = str(value)
        if self.is_closed and text not in self.values:
            self.fail(not_one_of(text, self.values), param, ctx)
        return text

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The values that begin like ``incomplete``."""
        del ctx, param
        return [CompletionItem(value) for value in self.values if value.startswith(incomplete)]


class RuleId(click.ParamType[str]):
    """The id of a rule; :func:`check_rule` checks it, since the settings may have more of them."""

    name = "RULE"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The built-in rules that begin like ``incomplete``."""
        from pipeline.rules import RULES

        del ctx, param
        return [CompletionItem(rule.id) for rule in RULES if rule.id.startswith(incomplete)]


def not_one_of(text: str, values: Sequence[str]) -> str:
    """That ``text`` is none of ``values``, in the API's words."""
    meant = nearest(text, values)
    hint = f"; did you mean {meant}?" if meant else ""
    return f"{text!r}: Must be one of: {', '.join(values)}{hint}"


def check_listed(
    option: str, text: str | None, documented: Sequence[str], column: pd.Series[Any]
) -> None:
    """Check the value of a filter that the API documents: others must at least be in the fleet.

    Raises:
        SettingsError: neither documented nor listed.
    """
    if text is None or text in documented or (column == text).any():
        return
    listed = {str(value) for value in column.dropna().unique()} - {*documented}
    values = [*documented, *sorted(listed)]
    raise SettingsError(f"Invalid value for '{option}': {not_one_of(text, values)}")


def check_rule(rule: str | None, settings: Settings) -> None:
    """Check that there is such a rule.

    Raises:
        SettingsError: there is none.
    """
    if rule is None:
        return
    from pipeline.rules import RULES

    known = [*(each.id for each in RULES), *settings.own_rules]
    if rule not in known:
        raise SettingsError(f"Invalid value for '--rule': {not_one_of(rule, known)}")


def warn_of_no_match(rows: Sequence[OpenFinding], filters: Filters, what: str) -> None:
    """A line on stderr if none of ``rows`` matches: which option alone leaves nothing."""
    if any(map(filters.match, rows)):
        return
    options = [each.name for each in fields(filters) if getattr(filters, each.name) is not None]
    if not rows or not options:
        return
    nothing = replace(filters, **dict.fromkeys(options))
    for name in options:
        value = getattr(filters, name)
        alone = replace(nothing, **{name: value})
        if not any(map(alone.match, rows)):
            column = {"owner": "owner", "project": "project_id"}.get(name)
            known = {getattr(row, column) for row in rows} if column else set()
            option = f"--{name.removesuffix('_micros').replace('_', '-')}"
            shown = f" {value!r}" if isinstance(value, str) else ""
            print_note(f"no {what} matches {option}{shown}{others(str(value), known)}")
            return
    print_note(f"no {what} matches all of these options")


def others(text: str, known: Iterable[object]) -> str:
    """What ``text`` may have meant; all values if they are few; else nothing."""
    values = sorted({str(value) for value in known if value is not None})
    if meant := near(text, values):
        return f"; did you mean {' or '.join(meant)}?"
    return f"; there are: {', '.join(values)}" if 0 < len(values) <= _MOST_NAMED else ""
