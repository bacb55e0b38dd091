"""The findings table: a row per cluster, most money first, each with its reasons."""

from __future__ import annotations

import glob
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.report import charts
from pipeline.report.cluster_rows import are_of, key_of, keys_of, records_of, rows_among, rows_of
from pipeline.report.model import Column, FindingRow, FindingsTable
from pipeline.report.sections import finding_details, off_hours_week
from pipeline.report.sections.first_actions import first_clusters
from pipeline.report.text import names
from pipeline.report.text.action_text import with_gpu_need
from pipeline.report.text.certainty import is_proven
from pipeline.report.text.numbers import NBSP, UNKNOWN, count, count_of, known, percent
from pipeline.rules import GRADES, IDLE, IDLE_LOADED
from pipeline.transform.findings.by_cluster import repeated_ids
from pipeline.transform.findings.judge import TRAILING_DAYS
from pipeline.transform.fold import between
from pipeline.transform.totals import known_sum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import Chart
    from pipeline.report.text.numbers import Money
    from pipeline.report.text.rules import RuleText
    from pipeline.transform.totals import Totals

    Key = tuple[str, str]
    Record = Mapping[Any, Any]

_SPARK_DAYS = 14
_LONGEST_ID = 128
_IDLE = (IDLE.id, IDLE_LOADED.id)
_WHY = 240
_NEWS = {"new": "new", "reopened": "reopened"}
_TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"


def findings_table(inputs: ReportInputs, totals: Totals) -> FindingsTable:
    """The rows shown, the sums of what is shown and of what is not, and the note above."""
    settings, rule_text = inputs.settings, inputs.rule_text
    findings = inputs.open_findings
    ranked = inputs.clusters_found
    has_amount = (ranked[["waste", "saving", "suspected"]].fillna(0) > 0).any(axis=1)
    ranked, without_amount = ranked[has_amount].reset_index(drop=True), ranked[~has_amount]
    # The first actions link to their rows, so that these are shown wherever they rank.
    is_first = are_of(ranked, keys_of(first_clusters(findings)))
    is_shown = is_first | (np.cumsum(~is_first) <= settings.report.max_rows - is_first.sum())
    shown = ranked[is_shown]
    keys = keys_of(shown)
    maker = _RowMaker(
        money=inputs.money,
        rule_text=rule_text,
        utilization=records_of(inputs.utilization, keys),
        evidence=records_of(with_gpu_need(inputs.evidence), keys),
        findings=_grouped(findings, keys, rule_text),
        daily_use=_daily_use(inputs, keys),
        weeks=off_hours_week.weeks(inputs, rows_of(findings, keys)),
        repeated_ids=repeated_ids(findings),
    )
    rows = tuple(
        maker.row(key, record) for key, record in zip(keys, shown.to_dict("records"), strict=True)
    )
    return FindingsTable(
        columns=_columns(inputs),
        rows=rows,
        totals=_totals(ranked, is_shown, totals, inputs.money),
        note=_note(findings, ranked, len(rows), rule_text, has_unproven=totals.unproven_micros > 0)
        if totals.judged
        else "No findings: nothing could be judged.",
        folded=_folded(findings, without_amount, rule_text),
    )


@dataclass(frozen=True, kw_only=True)
class _RowMaker:
    """What the rows take values from, by account and cluster."""

    money: Money
    rule_text: RuleText
    utilization: dict[Key, Record]
    evidence: dict[Key, Record]
    findings: dict[Key, list[Record]]
    daily_use: dict[Key, list[float | None]]
    weeks: dict[Key, Chart]
    repeated_ids: frozenset[str]

    def row(self, key: Key, sums: Record) -> FindingRow:
        """One cluster's row."""
        account, cluster_id = key
        findings = self.findings[key]
        lead = findings[0]
        window, evidence = self.utilization.get(key, {}), self.evidence.get(key, {})
        waste, spend, saving = known(sums["waste"]), known(sums["spend"]), known(sums["saving"])
        cluster = finding_details.ClusterEvidence(evidence, self.weeks.get(key))
        grade = str(known(lead["grade"]) or "")
        line = self.daily_use.get(key, [])
        name = names.label(lead["name"], cluster_id)
        project = names.shown(known(lead["project_id"]))
        return FindingRow(
            anchor=names.anchor(cluster_id, account if cluster_id in self.repeated_ids else None),
            name=name,
            cluster_id=names.shown(cluster_id),
            account=names.shown(account),
            project=project,
            gpus=_gpus(window),
            rate=self.money.rate(window.get("hourly_rate_micros")),
            use=percent(window.get("gpu_mean_pct")),
            spark=charts.line(line),
            spark_label=f"GPU use of the last {len(line)} days, by day",
            tag=self.rule_text.tag(str(lead["rule_id"])),
            news=_NEWS.get(str(known(lead["state"])), ""),
            more=f"and {count(len(findings) - 1)} more" if len(findings) > 1 else "",
            rules=", ".join(self.rule_text.name(str(row["rule_id"])) for row in findings),
            spend=self.money.exact(spend),
            waste=_waste(waste, self.money, is_proven=is_proven(known(lead["grade"]))),
            saving=_saving(sums, self.money),
            grade=grade or UNKNOWN,
            evidence=_evidence(lead),
            why=names.shown(finding_details.sentence(lead, self.rule_text), _WHY),
            reasons=tuple(
                finding_details.reason(
                    row, cluster, self.rule_text, self.money, is_lead=row is lead
                )
                for row in findings
            ),
            seen=finding_details.seen(lead, evidence, window),
            sort=(
                *(name.lower(), project.lower()),
                *_numbers(window.get("hourly_rate_micros"), window.get("gpu_mean_pct")),
                self.rule_text.name(str(lead["rule_id"])),
                *_numbers(spend, waste, saving),
                str(GRADES.index(grade)) if grade in GRADES else "",
            ),
            words=_words(findings, self.rule_text),
            pattern=_pattern(cluster_id),
        )


def _pattern(cluster_id: str) -> str:
    """A JSON string, in ASCII, that matches the id alone; empty for an id of endless length."""
    return json.dumps(glob.escape(cluster_id)) if len(cluster_id) <= _LONGEST_ID else ""


def _saving(sums: Record, money: Money) -> str:
    """What counts; in parentheses what does not, since it is only suspected."""
    saving, suspected = known(sums["saving"]), known(sums["suspected"])
    return f"({money.exact(suspected)})" if suspected and not saving else money.exact(saving)


def _waste(waste: int | None, money: Money, *, is_proven: bool) -> str:
    """Proven waste; in parentheses what may have been wasted."""
    return money.exact(waste) if is_proven or not waste else f"({money.exact(waste)})"


def _words(findings: Sequence[Record], rule_text: RuleText) -> str:
    """What a filter finds a row by, besides what it shows."""
    words = []
    for finding in findings:
        if known(finding["owner"]):
            words.append(names.shown(str(finding["owner"])))
        words += [rule_text.name(str(finding["rule_id"])), str(known(finding["action"]) or "")]
    return " ".join(dict.fromkeys(words))


def _numbers(*values: float | None) -> tuple[str, ...]:
    """Numbers for the browser to sort by; empty is unknown."""
    return tuple("" if known(value) is None else f"{float(value or 0):.6g}" for value in values)


def _gpus(window: Record) -> str:
    kind, number = known(window.get("gpu_type")), known(window.get("gpu_count"))
    if kind is None:
        return UNKNOWN if number is None else count(number)
    text = names.shown(str(kind), 20)
    return text if number is None else f"{count(number)}{_TIMES}{text}"


def _evidence(finding: Record) -> str:
    n, bound = int(finding["samples"]), known(finding["busy_share_bound"])
    if not n:
        return ""
    read = f"{count(n)}{NBSP}h read"
    # What a cluster may have worked is evidence of its doing nothing, not of its doing little.
    proves = str(finding["rule_id"]) in _IDLE and bound is not None and bound < 1
    return f"{read}, \N{LESS-THAN OR EQUAL TO}{NBSP}{percent(100 * bound)} busy" if proves else read


def _grouped(
    findings: pd.DataFrame, keys: Sequence[Key], rule_text: RuleText
) -> dict[Key, list[Record]]:
    """The findings of each cluster: most provable waste, then most saving, then the rulebook."""
    rows = rows_of(findings, keys)
    rows = rows.assign(place=rows["rule_id"].astype("str").map(rule_text.rank)).sort_values(
        ["provable_waste_micros", "counted_saving_micros", "place"],
        ascending=[False, False, True],
        kind="stable",
        na_position="last",
    )
    out: dict[Key, list[Record]] = {}
    for record in rows.to_dict("records"):
        out.setdefault(key_of(record), []).append(record)
    return out


def _daily_use(inputs: ReportInputs, keys: Sequence[Key]) -> dict[Key, list[float | None]]:
    """Mean GPU use of each of the last days, None where it was not read."""
    if inputs.day is None or not keys:
        return {}
    first = inputs.day - timedelta(days=_SPARK_DAYS - 1)
    rows = rows_of(between(inputs.ledger, first, inputs.day), keys)
    place = (rows["date"] - pd.Timestamp(first)).dt.days
    mean = rows["gpu_sum_mpct_seconds"] / rows["gpu_weight_seconds"].replace(0, pd.NA) / 1000
    grid: dict[Key, list[float | None]] = {key: [None] * _SPARK_DAYS for key in keys}
    for account, cluster_id, day, value in zip(
        rows["account"].astype("str"), rows["cluster_id"], place, mean, strict=True
    ):
        grid[(account, cluster_id)][day] = None if pd.isna(value) else float(value)
    return grid


def _columns(inputs: ReportInputs) -> tuple[Column, ...]:
    evidence_days = inputs.settings.rules.idle_window_days
    return (
        Column(label="Cluster"),
        Column(label="Project"),
        Column(label="GPUs, price"),
        Column(label=f"GPU use, {inputs.covered('column')}", is_number=True),
        Column(label="Finding"),
        Column(label=f"Spend, {inputs.last_days(TRAILING_DAYS)}", is_number=True),
        Column(label=f"Waste, {inputs.last_days(evidence_days)}", is_number=True),
        Column(label=f"Saving, 30{NBSP}d", is_number=True),
        Column(label="Evidence"),
    )


_BEFORE_SUMS = 4
"""Columns between the first and the sums."""


def _totals(
    ranked: pd.DataFrame, is_shown: npt.NDArray[np.bool_], totals: Totals, money: Money
) -> tuple[tuple[str, ...], ...]:
    def line(label: str, rows: pd.DataFrame) -> tuple[str, ...]:
        spend, waste, saving = (known_sum(rows[name]) for name in ("spend", "waste", "saving"))
        amount = _waste(waste, money, is_proven=totals.waste_micros > 0)
        return (label, *[""] * _BEFORE_SUMS, money.exact(spend), amount, money.exact(saving), "")

    if ranked.empty:
        return ()
    # One row is its own sum.
    lines = [line(f"All {count_of(len(ranked), 'cluster')}", ranked)] if len(ranked) > 1 else []
    shown, rest = ranked[is_shown], ranked[~is_shown]
    if len(rest):
        lines[:0] = [
            line(f"{count(len(shown))} shown", shown),
            line(f"{count(len(rest))} more in findings.csv", rest),
        ]
    if totals.unproven_micros:
        before = [""] * (_BEFORE_SUMS + 1)
        waste, saving = (
            money.exact(micros) for micros in (totals.waste_micros, totals.saving_proven_micros)
        )
        lines.append(("Proven part", *before, waste, saving, ""))
    return tuple(lines)


def _note(
    findings: pd.DataFrame,
    ranked: pd.DataFrame,
    shown: int,
    rule_text: RuleText,
    *,
    has_unproven: bool,
) -> str:
    if findings.empty:
        return "No findings."
    if ranked.empty:
        return "No finding has an amount."
    rules = _by_rule(rows_among(findings, ranked), rule_text)
    text = f"{count_of(len(ranked), 'cluster')}: {rules}."
    if has_unproven:
        text += " Waste in parentheses is not proven: this much may have been wasted."
    if shown < len(ranked):
        text += (
            f" {count(shown)} {'is' if shown == 1 else 'are'} shown, those to act on first among "
            "them; findings.csv lists all."
        )
    return text


def _folded(findings: pd.DataFrame, ranked: pd.DataFrame, rule_text: RuleText) -> str:
    """The clusters whose findings have no amount, in one sentence; empty if there are none."""
    if ranked.empty:
        return ""
    rules = _by_rule(rows_among(findings, ranked), rule_text)
    return (
        f"{count_of(len(ranked), 'cluster')} whose findings have no amount ({rules}) "
        f"{'is' if len(ranked) == 1 else 'are'} listed in findings.csv."
    )


def _by_rule(findings: pd.DataFrame, rule_text: RuleText) -> str:
    """How many findings each rule has."""
    sizes = findings["rule_id"].astype("str").value_counts()
    return ", ".join(
        f"{rule_text.name(rule)} {count(int(sizes[rule]))}"
        for rule in sorted(sizes.index, key=rule_text.rank)
    )
