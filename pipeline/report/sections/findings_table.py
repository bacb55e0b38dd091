"""The findings table: a row per cluster, most money first, each with its reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.report import charts
from pipeline.report.model import Column, FindingRow, FindingsTable, Totals
from pipeline.report.sections import finding_details
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, UNKNOWN, Money, count, count_of, known, percent
from pipeline.report.totals import CLUSTER, open_findings, total, within
from pipeline.rules import GRADES
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.report.text.rules import RuleText
    from pipeline.settings import Settings

    Key = tuple[str, str]
    Record = Mapping[Any, Any]

_SPARK_DAYS = 14
_WHY = 240
_NEWS = {"new": "new", "reopened": "back"}
_TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"


def findings_table(
    facts: Totals,
    *,
    settings: Settings,
    wording: RuleText,
    ledger: pd.DataFrame,
    utilization: pd.DataFrame,
    evidence: pd.DataFrame,
    findings: pd.DataFrame,
) -> FindingsTable:
    """The rows shown, the sums of what is shown and of what is not, and the note above."""
    found = open_findings(findings)
    ranked = ranking(found)
    shown = ranked.head(settings.report.max_rows)
    has_savings = facts.saving_micros is not None
    keys = list(zip(shown["account"].astype("str"), shown["cluster_id"], strict=True))
    maker = _RowMaker(
        money=Money(facts.currency),
        wording=wording,
        use=_records(utilization, keys),
        evidence=_records(evidence, keys),
        found=_grouped(found, keys, wording),
        lines=_daily_use(ledger, facts, keys),
        repeated=_repeated_ids(ranked),
        has_savings=has_savings,
    )
    rows = tuple(
        maker.row(key, record) for key, record in zip(keys, shown.to_dict("records"), strict=True)
    )
    return FindingsTable(
        columns=_columns(settings.rules.idle_window_days, has_savings=has_savings),
        rows=rows,
        totals=_totals(ranked, len(rows), facts, has_savings=has_savings),
        note=_note(found, len(ranked), len(rows), wording),
        has_savings=has_savings,
    )


def ranking(found: pd.DataFrame) -> pd.DataFrame:
    """One line per cluster with findings: waste, saving, spend; most provable money first."""
    groups = found.groupby(CLUSTER, observed=True, sort=True)
    ranked = groups.agg(
        waste=("provable_waste_micros", "max"), spend=("spend_micros", "max")
    ).reset_index()
    # A sum of unknown savings is unknown, not zero.
    ranked["saving"] = groups["counted_saving_micros"].sum(min_count=1).to_numpy()
    ranked["saving"] = ranked["saving"].astype("Int64")
    return ranked.sort_values(
        ["waste", "saving", "spend", *CLUSTER],
        ascending=[False, False, False, True, True],
        kind="stable",
        na_position="last",
    ).reset_index(drop=True)


class _RowMaker:
    """What the rows are looked up in."""

    def __init__(
        self,
        *,
        money: Money,
        wording: RuleText,
        use: dict[Key, Record],
        evidence: dict[Key, Record],
        found: dict[Key, list[Record]],
        lines: dict[Key, list[float | None]],
        repeated: frozenset[str],
        has_savings: bool,
    ) -> None:
        self.money, self.wording, self.use, self.evidence = money, wording, use, evidence
        self.found, self.lines, self.repeated = found, lines, repeated
        self.has_savings = has_savings

    def row(self, key: Key, sums: Record) -> FindingRow:
        """One cluster's row."""
        account, cluster_id = key
        found = self.found[key]
        lead = found[0]
        window = self.use.get(key, {})
        waste, spend, saving = known(sums["waste"]), known(sums["spend"]), known(sums["saving"])
        grade = str(known(lead["grade"]) or "")
        line = self.lines.get(key, [])
        name = names.label(lead["name"], cluster_id)
        project = names.shown(known(lead["project_id"]))
        return FindingRow(
            anchor=names.anchor(cluster_id, account if cluster_id in self.repeated else None),
            name=name,
            cluster_id=names.shown(cluster_id),
            account=names.shown(account),
            project=project,
            gpus=_gpus(window),
            rate=self.money.rate(window.get("hourly_rate_micros")),
            use=percent(window.get("gpu_mean_pct")),
            spark=charts.line(line),
            spark_label=f"GPU use of the last {len(line)} days, by day",
            tag=self.wording.tag(str(lead["rule_id"])),
            news=_NEWS.get(str(known(lead["state"])), ""),
            more=f"and {count(len(found) - 1)} more" if len(found) > 1 else "",
            rules=", ".join(self.wording.name(str(one["rule_id"])) for one in found),
            spend=self.money.exact(spend),
            waste=self.money.exact(waste),
            saving=self.money.exact(saving),
            grade=grade or UNKNOWN,
            evidence=_evidence(lead),
            why=names.shown(finding_details.sentence(lead, self.wording), _WHY),
            reasons=tuple(finding_details.reason(one, self.wording, self.money) for one in found),
            seen=finding_details.seen(lead, self.evidence.get(key, {}), window),
            sort=(
                *(name.lower(), project.lower()),
                *_numbers(window.get("hourly_rate_micros"), window.get("gpu_mean_pct")),
                self.wording.name(str(lead["rule_id"])),
                *_numbers(spend, waste, *([saving] if self.has_savings else [])),
                str(GRADES.index(grade)) if grade in GRADES else "",
            ),
        )


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
    proves = bound is not None and bound < 1
    return f"{read}, \N{LESS-THAN OR EQUAL TO}{NBSP}{percent(100 * bound)} busy" if proves else read


def _records(frame: pd.DataFrame, keys: Sequence[Key]) -> dict[Key, Record]:
    """The rows of the clusters ``keys``, as records."""
    rows = _only(frame, keys)
    return {
        (str(record["account"]), record["cluster_id"]): record for record in rows.to_dict("records")
    }


def _grouped(
    found: pd.DataFrame, keys: Sequence[Key], wording: RuleText
) -> dict[Key, list[Record]]:
    """The findings of each cluster: most provable waste, then most saving, then the rulebook."""
    rows = _only(found, keys)
    rows = rows.assign(place=rows["rule_id"].astype("str").map(wording.rank)).sort_values(
        ["provable_waste_micros", "counted_saving_micros", "place"],
        ascending=[False, False, True],
        kind="stable",
        na_position="last",
    )
    out: dict[Key, list[Record]] = {}
    for record in rows.to_dict("records"):
        out.setdefault((str(record["account"]), record["cluster_id"]), []).append(record)
    return out


def _only(frame: pd.DataFrame, keys: Sequence[Key]) -> pd.DataFrame:
    wanted = pd.MultiIndex.from_tuples(keys, names=CLUSTER) if keys else None
    if wanted is None:
        return frame.iloc[:0]
    have = pd.MultiIndex.from_arrays([frame["account"].astype("str"), frame["cluster_id"]])
    return frame[have.isin(wanted)]


def _daily_use(
    ledger: pd.DataFrame, facts: Totals, keys: Sequence[Key]
) -> dict[Key, list[float | None]]:
    """Mean GPU use of each of the last days, None where it was not read."""
    if facts.day is None or not keys:
        return {}
    first = facts.day - timedelta(days=_SPARK_DAYS - 1)
    rows = _only(within(ledger, first, facts.day), keys)
    place = (rows["date"] - pd.Timestamp(first)).dt.days
    mean = rows["gpu_sum_mpct_seconds"] / rows["gpu_weight_seconds"].replace(0, pd.NA) / 1000
    grid: dict[Key, list[float | None]] = {key: [None] * _SPARK_DAYS for key in keys}
    for account, cluster_id, day, value in zip(
        rows["account"].astype("str"), rows["cluster_id"], place, mean, strict=True
    ):
        grid[(account, cluster_id)][day] = None if pd.isna(value) else float(value)
    return grid


def _repeated_ids(ranked: pd.DataFrame) -> frozenset[str]:
    """Ids that occur in more than one account."""
    ids = ranked["cluster_id"]
    return frozenset(ids[ids.duplicated(keep=False)])


def _columns(evidence_days: int, *, has_savings: bool) -> tuple[Column, ...]:
    saving = (Column(label=f"Saving, 30{NBSP}d", is_number=True),) if has_savings else ()
    return (
        Column(label="Cluster"),
        Column(label="Project"),
        Column(label="GPUs, price"),
        Column(label="GPU use", is_number=True),
        Column(label="Finding"),
        Column(label=f"Spend, 30{NBSP}d", is_number=True),
        Column(label=f"Waste, {evidence_days}{NBSP}d", is_number=True),
        *saving,
        Column(label="Evidence"),
    )


_BEFORE_SUMS = 4
"""Columns between the first and the sums."""


def _totals(
    ranked: pd.DataFrame, shown: int, facts: Totals, *, has_savings: bool
) -> tuple[tuple[str, ...], ...]:
    money = Money(facts.currency)

    def line(label: str, rows: pd.DataFrame) -> tuple[str, ...]:
        sums = [total(rows[c]) for c in ("spend", "waste", *(["saving"] if has_savings else []))]
        return (label, *[""] * _BEFORE_SUMS, *(money.exact(s) for s in sums), "")

    if ranked.empty:
        return ()
    lines = [line(f"All {count_of(len(ranked), 'cluster')}", ranked)]
    if shown < len(ranked):
        more = f"{count(len(ranked) - shown)} more in findings.csv"
        lines[:0] = [
            line(f"The {count(shown)} shown", ranked.head(shown)),
            line(more, ranked.iloc[shown:]),
        ]
    if facts.unproven_micros:
        before, after = [""] * (_BEFORE_SUMS + 1), [""] * (2 if has_savings else 1)
        lines.append(("Of that proven", *before, money.exact(facts.waste_micros), *after))
    return tuple(lines)


def _note(found: pd.DataFrame, number: int, shown: int, wording: RuleText) -> str:
    if not number:
        return "No rule found anything to object to."
    sizes = found["rule_id"].astype("str").value_counts()
    rules = ", ".join(
        f"{wording.name(rule)} {count(int(sizes[rule]))}"
        for rule in sorted(sizes.index, key=wording.rank)
    )
    text = f"{count_of(number, 'cluster')}: {rules}. "
    if shown < number:
        text += f"The {count(shown)} with most money are shown; findings.csv has all. "
    return text + "Open a row to see why."


def units(micros: pd.Series[Any]) -> pd.Series[Any]:
    """Micros as a float of the currency: for drawing only."""
    return micros.astype("Int64").fillna(0).astype(np.float64) / MICROS_PER_UNIT
