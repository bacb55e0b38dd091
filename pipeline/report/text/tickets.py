"""A finding as text to paste: a ticket in Markdown, and its exclusion in TOML."""

from __future__ import annotations

import glob
import json
import re
from typing import TYPE_CHECKING, Any

from pipeline.report.text import names
from pipeline.report.text.numbers import Money, day_long, known, moment
from pipeline.report.text.rules import action
from pipeline.rules import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    Record = Mapping[Any, Any]

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")
_EXPIRES = "2099-12-31"


def ticket(finding: Record, reason: str, money: Money, day: date) -> str:
    """A ticket about one finding, in Markdown; ``reason`` is its sentence."""
    name = names.label(known(finding["name"]), str(finding["cluster_id"]))
    places = [names.shown(str(finding["cluster_id"])), f"account {finding['account']}"]
    if known(finding["project_id"]) is not None:
        places.insert(1, f"project {names.shown(str(finding['project_id']))}")
    if known(finding["owner"]):
        places.append(f"owner {names.shown(str(finding['owner']))}")
    saving, since = known(finding["counted_saving_micros"]), known(finding["since_at"])
    remains = ACTIONS[str(finding["action"])].remains
    lines = [
        f"**{_plain(name)}**: {_plain(action(finding['action']))}",
        "",
        f"- Where: {_plain(', '.join(places))}",
        f"- Why: {_plain(reason)}",
    ]
    if since is not None:
        lines.append(f"- Since: {moment(since)}")
    lines.append(f"- Cost in the last 30 days: {money.exact(known(finding['spend_micros']))}")
    if saving:
        grade = str(known(finding["grade"]) or "")
        lines.append(
            f"- Saving over the next 30 days if it stays as it is: {money.exact(saving)} ({grade})"
        )
    if remains:
        lines.append(f"- Still charged afterwards: {remains}")
    return "\n".join([*lines, "", f"GPU cost report of {day_long(day)} (UTC)."])


def exclusion(finding: Record) -> str:
    """The entry of the exclusions file that accepts one finding, with its blanks to fill in."""
    entry = {
        "match": glob.escape(str(finding["cluster_id"])),
        "rule": str(finding["rule_id"]),
        "owner": str(known(finding["owner"]) or ""),
        "reason": "",
    }
    lines = [f"{name} = {_toml(text)}" for name, text in entry.items()]
    return "\n".join(["[[exclude]]", *lines, f"expires = {_EXPIRES}"])


def _plain(text: str) -> str:
    """``text`` in which Markdown finds no markup."""
    return _MARKUP.sub(r"\\\1", text)


def _toml(text: str) -> str:
    """A basic string of TOML: JSON's, but for the one control character that JSON allows."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
