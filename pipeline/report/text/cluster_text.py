"""One cluster in plain text: evidence, arithmetic and history of its findings; their exclusion."""

from __future__ import annotations

import glob
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.report.text.action_text import measured, what_to_do
from pipeline.report.text.numbers import UNKNOWN, Money, known
from pipeline.report.text.plain_values import plain_value
from pipeline.rules import FINDING, MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from pipeline.report.text.rules import RuleText

    Record = Mapping[Any, Any]

EXCLUDED_DAYS = 90
"""After so many days a proposed exclusion ends."""
_LAST_OF_FOUR_DIGITS = 0xFFFF
_FACTS = (
    *("account", "cluster_id", "name", "project_id", "region", "gpu_type", "gpu_count"),
    *("template_id", "status", "hourly_rate_micros"),
)


def facts(newest: Record) -> dict[str, object]:
    """What a cluster is, as of its newest ledger row."""
    values = {name: known(newest[name]) for name in _FACTS}
    numbers = ("gpu_count", "hourly_rate_micros")
    return {n: int(v) if n in numbers and v is not None else v for n, v in values.items()}


def sections(
    newest: Record, outcomes: pd.DataFrame, evidence: Record, rule_text: RuleText, day: date
) -> Iterator[str]:
    """The lines about a cluster; an indented one continues what is above it.

    Args:
        newest: its newest ledger row.
        outcomes: its findings and the outcomes of the other rules.
        evidence: its utilization over the rules' window, with the GPUs needed.
        rule_text: the rules in words.
        day: the day that was judged.
    """
    money = Money(rule_text.settings.currency)
    cluster = facts(newest)
    rows = outcomes.to_dict("records")
    yield f"{_text(cluster['name'])} ({cluster['cluster_id']})"
    owner = next((known(row["owner"]) for row in rows), None)
    yield (
        f"  project {_text(cluster['project_id'])}, owner {_text(owner)}, account "
        f"{cluster['account']}, {_text(cluster['region'])}"
    )
    rate = cluster["hourly_rate_micros"]
    price = "unknown price" if rate is None else money.rate(int(str(rate)))
    yield (
        f"  {_text(cluster['gpu_count'])} x {_text(cluster['gpu_type'])}, {price}; "
        f"{_text(cluster['status'])}, last in the ledger on {newest['date']:%Y-%m-%d}; "
        f"judged on {day}"
    )
    findings = [row for row in rows if row["outcome"] == FINDING]
    for row in sorted(findings, key=lambda row: -int(known(row["net_saving_micros"]) or 0)):
        yield ""
        yield from _finding(row, evidence, rule_text, money)
    if not findings:
        yield ""
        yield "no finding"
    yield ""
    yield "other rules" if findings else "rules"
    for row in rows:
        if row["outcome"] != FINDING:
            outcome = str(row["outcome"]).lower().replace("_", " ")
            gone = f"; {_life(row, money)}" if known(row["state"]) else ""
            yield f"  {row['rule_id']}: {outcome}: {_text(known(row['reason']))}{gone}"


def _finding(row: Record, evidence: Record, rule_text: RuleText, money: Money) -> Iterator[str]:
    """A finding with its evidence, action, arithmetic and history."""
    rule_id = str(row["rule_id"])
    grade = known(row["grade"])
    yield f"{rule_text.name(rule_id)} [{rule_id}]" + (f", {grade}" if grade else "")
    yield f"  {_text(known(row['reason']))}."
    days = rule_text.settings.rules.idle_window_days
    todo = what_to_do(row["action"], measured(row, evidence), money)
    yield f"  action: {_text(known(row['action']))}. {todo}"
    for term, text in (
        ("evidence", _evidence(row)),
        ("saving over 30 days", _saving(row, money)),
        (f"wasted in the last {days} days", _amount(row, "provable_waste_micros", money)),
        ("spend of the last 30 days", _amount(row, "spend_micros", money)),
        ("history", _life(row, money)),
        ("excluded by", known(row["exclusion"])),
    ):
        if text:
            yield f"  {term}: {text}"


def _evidence(row: Record) -> str:
    """The measures that the rule read, with their values."""
    evidence = known(row["evidence"])
    values = msgspec.json.decode(evidence) if evidence else {}
    return "; ".join(
        f"{MEASURES[name].label}: {plain_value(name, value)}"
        if name in MEASURES
        else f"{name}: {value}"
        for name, value in values.items()
    )


def _saving(row: Record, money: Money) -> str:
    """Gross, remaining and net, and what of it is counted."""
    gross, remaining = known(row["gross_saving_micros"]), known(row["remaining_micros"])
    net, counted = known(row["net_saving_micros"]), known(row["counted_saving_micros"])
    if not net or gross is None or remaining is None:
        return ""
    parts = [
        f"{money.exact(gross)} ended - {money.exact(remaining)} still charged = {money.exact(net)}"
    ]
    if counted == net:
        parts.append("counted")
    else:
        reason = "" if counted else ": another action saves more, or the evidence is weak"
        parts.append(f"counted {money.exact(counted or 0)}{reason}")
    for name, label in (("run_rate", "at its recent cost"), ("suspected", "suspected")):
        micros = known(row.get(f"{name}_saving_micros"))
        if micros and micros != net:
            parts.append(f"{label} {money.exact(micros)}")
    return "; ".join(parts)


def _life(row: Record, money: Money) -> str:
    """When it was found, its state, and what it has cost or saved since."""
    found_on = known(row["found_on"])
    if found_on is None:
        return ""
    parts = [f"found {found_on:%Y-%m-%d}", f"now {row['state']}"]
    if (gone_on := known(row["gone_on"])) is not None:
        parts[-1] = f"gone {gone_on:%Y-%m-%d} ({_text(known(row['gone_reason']))})"
        parts.append(f"saved {_amount(row, 'realised_micros', money) or UNKNOWN} since")
    elif waiting := _amount(row, "waiting_cost_micros", money):
        parts.append(f"has cost {waiting} since")
    return ", ".join(parts)


def exclusion_entries(outcomes: pd.DataFrame, day: date) -> list[str]:
    """The TOML that excludes each finding; its owner and reason are to be completed."""
    rows = [row for row in outcomes.to_dict("records") if row["outcome"] == FINDING]
    return [
        "[[exclude]]\n"
        # The id, since another cluster can have the name; with no wildcards in it.
        f"match = {_toml(glob.escape(str(row['cluster_id'])))}\n"
        f"rule = {_toml(str(row['rule_id']))}\n"
        f"owner = {_toml(str(known(row['owner']) or 'WHO ACCEPTS IT'))}\n"
        'reason = "WHY"\n'
        f"expires = {day + timedelta(days=EXCLUDED_DAYS)}\n"
        for row in rows
        if known(row["exclusion"]) is None
    ]


def _toml(text: str) -> str:
    """A basic string of TOML; what cannot be seen is escaped."""
    return "".join(
        c if c.isprintable() else _escaped(c) for c in json.dumps(text, ensure_ascii=False)
    )


def _escaped(letter: str) -> str:
    """The escape of a character in TOML."""
    code = ord(letter)
    return f"\\u{code:04x}" if code <= _LAST_OF_FOUR_DIGITS else f"\\U{code:08x}"


def _amount(row: Record, name: str, money: Money) -> str:
    micros = known(row[name])
    return "" if micros is None else money.exact(micros)


def _text(value: object) -> str:
    return UNKNOWN if value is None else str(value)
