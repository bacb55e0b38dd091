"""Made-up clusters: each with its ledger rows, its utilization and its findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from pipeline import schema
from pipeline.model import Certificate, State
from pipeline.rules import Clause, Rule

Row = dict[str, Any]

DAY = date(2026, 11, 22)
HOUR = 3600
UNIT = 1_000_000


def make_rule(name: str, title: str, when: Clause, action: str) -> Rule:
    return Rule(
        id=name,
        version=1,
        title=title,
        applies=(Clause("running_hours", ">=", 30),),
        needs=(Clause("samples", ">=", 5),),
        when=(when,),
        sentence="GPU use was {gpu_max_pct}",
        tag={"idle": "idle", "idle_loaded": "loaded"}.get(name, "other"),
        actions=((None, action),),
        source=f"Where {title.lower()} comes from.",
        comment=f"A remark about {title.lower()}.",
    )


Decision = tuple[str, str, str | None]
"""The clause that decided, its limit and the value, as ``schema.FINDINGS`` has them."""
DECIDED = ("decided_by", "decided_limit", "decided_value")

RULEBOOK = (
    make_rule("idle", "Idle", Clause("idle_share_pct", ">=", "idle_share_pct"), "terminate"),
    make_rule("idle_loaded", "Idle but loaded", Clause("memory_mean_pct", ">=", 50.0), "review"),
    make_rule("underutilized", "Underutilized", Clause("gpu_mean_pct", "<=", 25.0), "resize"),
    make_rule(
        "seed_candidate",
        "Expensive and little used",
        Clause("hourly_rate_micros", ">", "seed_hourly_rate"),
        "review",
    ),
)
"""Rules of these tests, so that their gold files do not change with the product's rules."""


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def frame(table: schema.Table, rows: list[Row]) -> pd.DataFrame:
    """Rows of ``table``; values that a row does not give are null or zero."""
    filled = [
        {c.name: row.get(c.name, None if c.nullable else _nothing(c)) for c in table.columns}
        for row in rows
    ]
    return table.enforce(pd.DataFrame(filled)) if filled else table.empty()


def _nothing(column: schema.Column) -> object:
    if column.type in (schema.TEXT, schema.CODE):
        return ""
    return False if column.type == schema.FLAG else 0


@dataclass
class Cluster:
    """One cluster: every hour of every day at one rate and one GPU use."""

    id: str
    name: str | None
    project: str | None
    rate: float | None
    use: float | None
    gpu: str | None = "H100"
    gpus: int | None = 8
    hours: int = 24
    days: int = 14
    grades: dict[str, str] = field(default_factory=dict)
    """Rule to grade."""
    insufficient: dict[str, Decision] = field(default_factory=dict)
    waste: float = 0.0
    account: str = "default"
    status: str = "running"

    @property
    def micros(self) -> int | None:
        return None if self.rate is None else round(self.rate * self.hours * UNIT)

    def common(self) -> Row:
        return {
            "account": self.account,
            "cluster_id": self.id,
            "name": self.name,
            "project_id": self.project,
            "region": "us-east-1",
            "gpu_type": self.gpu,
            "gpu_count": self.gpus,
            "status": self.status,
            "hourly_rate_micros": None if self.rate is None else round(self.rate * UNIT),
            "created_at": at(date(2026, 10, 1)),
        }

    def money(self, days: int) -> Row:
        micros = None if self.micros is None else self.micros * days
        return {
            "spend_micros": micros,
            "spend_low_micros": micros,
            "spend_high_micros": micros,
            "metered_micros": micros or 0,
            "unpriced_seconds": self.hours * HOUR * days if micros is None else 0,
        }

    def time(self, days: int) -> Row:
        running = self.hours * HOUR * days
        band = "band_no_metrics_seconds"
        if self.use is not None:
            band = next(
                name
                for name, edge in zip(schema.BAND_COLUMNS, schema.BAND_EDGES_PCT, strict=True)
                if self.use <= edge
            )
        return {"observed_seconds": running, "running_seconds": running, band: running}

    def ledger_rows(self, last: date) -> list[Row]:
        seconds = self.hours * HOUR if self.use is not None else 0
        return [
            {
                **self.common(),
                **self.money(1),
                **self.time(1),
                "date": pd.Timestamp(last - timedelta(days=ago)),
                "gpu_weight_seconds": seconds,
                "gpu_sum_mpct_seconds": round((self.use or 0) * 1000) * seconds,
                "gpu_max_pct": self.use,
                "looks": self.hours,
                "first_observed_at": at(last - timedelta(days=ago), 0),
                "last_observed_at": at(last - timedelta(days=ago), 23),
            }
            for ago in range(self.days)
        ]

    def window(self, last: date) -> Row:
        samples = self.hours * self.days if self.use is not None else 0
        busy = samples if self.use is not None and self.use > schema.BUSY_ABOVE_PCT else 0
        bound = None if not samples else 1.0 if busy else 1 - 0.05 ** (1 / samples)
        return {
            **self.common(),
            **self.money(self.days),
            **self.time(self.days),
            "gpu_mean_pct": self.use,
            "gpu_p95_pct": self.use,
            "gpu_max_pct": self.use,
            "memory_mean_pct": 35.0 if samples else None,
            "memory_max_pct": 40.0 if samples else None,
            "cpu_mean_pct": 2.5 if samples else None,
            "cpu_max_pct": 4.0 if samples else None,
            "idle_share_pct": None if not samples else 0.0 if busy else 100.0,
            "samples": samples,
            "busy_samples": busy,
            "busy_share_bound": bound,
            "hour_of_week_coverage": 1.0 if samples else 0.0,
            "last_busy_at": at(last) if busy else None,
            "first_observed_at": at(last - timedelta(days=self.days - 1), 0),
            "last_observed_at": at(last, 23),
        }

    def saving(self, rule: str) -> int:
        """Twice the waste of a cluster that is idle; 90.00 for one that is underutilized."""
        if self.grades[rule] == "suspected":
            return 0
        return {"idle": round(2 * self.waste * UNIT), "underutilized": 90 * UNIT}.get(rule, 0)

    def findings(self, last: date) -> list[Row]:
        window = self.window(last)
        works = ("when:gpu_mean_pct<=25", "25", None if self.use is None else str(self.use))
        out = []
        for rule in RULEBOOK:
            grade = self.grades.get(rule.id)
            missing = self.insufficient.get(rule.id)
            is_found = rule.id in self.grades
            out.append(
                {
                    **{k: window[k] for k in ("account", "cluster_id", "name", "project_id")},
                    **{k: window[k] for k in ("samples", "busy_share_bound", "spend_micros")},
                    "rule_id": rule.id,
                    "rule_version": rule.version,
                    "outcome": "FINDING"
                    if is_found
                    else "INSUFFICIENT_DATA"
                    if missing
                    else "CLEAR",
                    **dict(
                        zip(DECIDED, (None,) * 3 if is_found else missing or works, strict=True)
                    ),
                    "evidence": f'{{"gpu_max_pct":{self.use}}}' if is_found else None,
                    "grade": grade or None,
                    "provable_waste_micros": round(self.waste * UNIT)
                    if is_found and rule.id == "idle"
                    else 0,
                    "action": rule.action(grade) if is_found else None,
                    "counted_saving_micros": self.saving(rule.id) if is_found else None,
                    "run_rate_saving_micros": self.saving(rule.id) if is_found else None,
                    "suspected_saving_micros": 0 if is_found else None,
                    "since_at": at(last - timedelta(days=self.days - 1), 0) if is_found else None,
                }
            )
        return out


def certificate(hour: int = 0, state: State = State.COMPLETE, **changes: object) -> Certificate:
    """The certificate of one snapshot."""
    values: Row = {
        "account": "default",
        "state": state,
        "started_at": at(DAY + timedelta(days=1), hour),
        "finished_at": at(DAY + timedelta(days=1), hour) + timedelta(seconds=20),
        "api_version": "v1",
        "base_url": "http://127.0.0.1",
        "requests": 3,
        "pages": 3,
        "unique_ids": 5,
        "total_count": 5,
        "proof": "the list's count equals the distinct ids",
    }
    return Certificate(**(values | changes))
