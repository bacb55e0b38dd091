"""Result sets every renderer must render, and small tables with their numbers written out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.model import Certificate, NotObserved, State
from pipeline.report.view import ReportView, build
from pipeline.rules import NOT_OBSERVED, Clause, Rule
from pipeline.settings import Report, Settings

DAY = date(2026, 11, 22)
HOUR = 3600
UNIT = 1_000_000
EVIL = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '" onmouseover="alert(3)',
    '=HYPERLINK("http://evil.example","pay")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "'=already quoted",
    "\u202egnp.exe\u2066 \x00\x1b[31m\r\nBcc: you@evil.example",
    "{{ view.facts }}{% raw %} ${x} `y` \\u0000 & &amp;",
    "شبكة عنقودية",
    "x" * 10_000,
    "  ",
    "-1.5",
    "\U0001f9ea \ud800 lone surrogate".encode("utf-8", "replace").decode(),
)


def _rule(name: str, title: str, when: Clause, action: str) -> Rule:
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
DECIDED = ("decided_by", "decided_limit", "decided_value")
RULEBOOK = (
    _rule("idle", "Idle", Clause("idle_share_pct", ">=", "idle_share_pct"), "terminate"),
    _rule("idle_loaded", "Idle but loaded", Clause("memory_mean_pct", ">=", 50.0), "review"),
    _rule("underutilized", "Underutilized", Clause("gpu_mean_pct", "<=", 25.0), "resize"),
    _rule(
        "seed_candidate",
        "Expensive and little used",
        Clause("hourly_rate_micros", ">", "seed_hourly_rate"),
        "review",
    ),
)
"""The report's own, so that its gold files stand still while the product's rules move."""


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def frame(table: schema.Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows with zeros and nulls where they say nothing."""
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
    found: dict[str, str] = field(default_factory=dict)
    """Rule to grade."""
    insufficient: dict[str, Decision] = field(default_factory=dict)
    waste: float = 0.0
    account: str = "default"
    status: str = "running"

    @property
    def micros(self) -> int | None:
        return None if self.rate is None else round(self.rate * self.hours * UNIT)

    def common(self) -> dict[str, Any]:
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

    def money(self, days: int) -> dict[str, Any]:
        micros = None if self.micros is None else self.micros * days
        return {
            "spend_micros": micros,
            "spend_low_micros": micros,
            "spend_high_micros": micros,
            "metered_micros": micros or 0,
            "unpriced_seconds": self.hours * HOUR * days if micros is None else 0,
        }

    def time(self, days: int) -> dict[str, Any]:
        running = self.hours * HOUR * days
        band = "band_no_metrics_seconds"
        if self.use is not None:
            band = next(
                name
                for name, edge in zip(schema.BAND_COLUMNS, schema.BAND_EDGES_PCT, strict=True)
                if self.use <= edge
            )
        return {"observed_seconds": running, "running_seconds": running, band: running}

    def ledger_rows(self, last: date) -> list[dict[str, Any]]:
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

    def window(self, last: date) -> dict[str, Any]:
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

    def outcomes(self, last: date) -> list[dict[str, Any]]:
        window = self.window(last)
        works = ("when:gpu_mean_pct<=25", "25", None if self.use is None else str(self.use))
        out = []
        for rule in RULEBOOK:
            grade = self.found.get(rule.id)
            missing = self.insufficient.get(rule.id)
            is_found = rule.id in self.found
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
                    "counted_saving_micros": 0 if is_found else None,
                    "since_at": at(last - timedelta(days=self.days - 1), 0) if is_found else None,
                }
            )
        return out


def results(
    clusters: list[Cluster],
    *,
    day: date | None = DAY,
    settings: Settings | None = None,
    certificates: tuple[Certificate, ...] = (),
    **more: object,
) -> dict[str, Any]:
    """The arguments of ``build``."""
    last = day or DAY
    return {
        "settings": settings or Settings(report=Report(window="14d")),
        "day": day,
        "ledger": frame(schema.LEDGER, [r for c in clusters for r in c.ledger_rows(last)]),
        "utilization": frame(schema.UTILIZATION, [c.window(last) for c in clusters]),
        "evidence": frame(schema.UTILIZATION, [c.window(last) for c in clusters]),
        "findings": frame(schema.FINDINGS, [r for c in clusters for r in c.outcomes(last)]),
        "certificates": certificates,
        "version": "1.2.3",
        "rulebook": RULEBOOK,
        **more,
    }


def certificate(hour: int = 0, state: State = State.COMPLETE, **more: object) -> Certificate:
    """One look."""
    values: dict[str, Any] = {
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
    return Certificate(**(values | more))


NORMAL = [
    Cluster("cluster_a1", "train-big", "llm", 25.0, 82.0),
    Cluster(
        *("cluster_a2", "forgotten", "llm", 24.0, 0.4),
        found={"idle": "proven", "seed_candidate": ""},
        waste=7900.5,
    ),
    Cluster(
        *("cluster_a3", "notebook", "vision", 3.5, 0.0, "A100", 1),
        found={"idle": "likely"},
        waste=700.25,
    ),
    Cluster(
        *("cluster_a4", "half-used", "vision", 12.0, 18.0, "A100", 4),
        found={"underutilized": "likely", "seed_candidate": ""},
    ),
    Cluster("cluster_a5", "night-batch", "search", 2.0, 65.0, "T4", 2, hours=6),
    Cluster(
        *("cluster_a6", None, None, 1.5, None, "T4", 1),
        days=3,
        insufficient={
            "idle": ("applies:running_hours>=30", "30", "18.0"),
            "underutilized": ("needs:samples>=5", "5", None),
        },
    ),
    Cluster(
        *("cluster_a7", "waiting", "search", 4.0, 1.0, "V100", 4),
        found={"idle_loaded": "likely"},
    ),
]


def make(name: str) -> dict[str, Any]:
    """One of the shared result sets, by name."""
    looks = tuple(certificate(hour) for hour in range(3))
    if name in ("normal", "full"):
        made = results(NORMAL, certificates=looks)
        lives = {"findings": with_lives(made["findings"]), **analyses("team-a")}
        return made if name == "normal" else {**made, **lives}
    if name == "empty_fleet":
        days = [DAY - timedelta(days=n) for n in range(14)]
        return results([], certificates=looks, days=days)
    if name == "no_closed_day":
        return results([], day=None, certificates=looks[:1])
    if name in ("one_cluster", "account_behind"):
        alone = results([NORMAL[1]], certificates=looks)
        return alone if name == "one_cluster" else account_behind(looks)
    if name == "all_unjudged":
        unknown = ("when:gpu_mean_pct<=25", "25", None)
        missing = {rule.id: unknown for rule in RULEBOOK}
        v2 = tuple(
            certificate(hour, State.UNPROVEN, api_version="v2", total_count=None, quarantined=2)
            for hour in range(3)
        )
        clusters = [
            Cluster(f"c{n}", f"v2-{n}", None, None, None, gpus=None, insufficient=missing)
            for n in range(4)
        ]
        return results(clusters, certificates=v2, damaged=["snapshots/<b>.parquet"])
    if name == "hostile":
        clusters = [
            Cluster(
                f"id{n}" if n % 2 else text[:60] or "blank",
                text,
                text,
                20.0 + n,
                0.1,
                gpu=text[:200],
                found={"idle": "proven", "seed_candidate": ""},
                waste=200.0 - n,
            )
            for n, text in enumerate(EVIL)
        ]
        return results(clusters, certificates=looks, damaged=list(EVIL), **analyses(EVIL[0]))
    raise KeyError(name)


def account_behind(looks: tuple[Certificate, ...]) -> dict[str, Any]:
    """``full`` beside an account that is not observed since two days ago, and one that was taken
    out of the settings before.
    """
    until, left = DAY - timedelta(days=2), DAY - timedelta(days=5)
    lost = (NOT_OBSERVED, f'"{DAY}"', f'"{until}"')
    waits = dict.fromkeys((rule.id for rule in RULEBOOK), lost)
    lab = Cluster("cluster_b1", "lab-idle", "vision", 8.0, 0.0, account="lab", insufficient=waits)
    old = Cluster("cluster_c1", "old-box", "llm", 5.0, 40.0, account="old")
    made = results([*NORMAL, lab, old], certificates=looks, **analyses("team-a"))
    rows = made["ledger"]
    for account, last in (("lab", until), ("old", left)):
        rows = rows[(rows["account"] != account) | (rows["date"] <= pd.Timestamp(last))]
    found = made["findings"]
    made["ledger"] = rows.reset_index(drop=True)
    found = with_lives(found[(found["account"] != "old").to_numpy(bool)].reset_index(drop=True))
    early = pd.Timestamp(DAY - timedelta(days=9))
    life = {"state": "unjudged", "found_on": early, "promised_micros": 500 * UNIT}
    made["findings"] = lived(found, cluster_b1__idle={**life, "waiting_cost_micros": 90 * UNIT})
    made["not_observed"] = (
        NotObserved(account="lab", until=until),
        NotObserved(account="old", until=left, in_settings=False),
        NotObserved(account="prod-2", until=None),
    )
    return made


def analyses(name: str) -> dict[str, Any]:
    """The optional arguments of ``build``; ``name`` is written wherever a name is."""
    best = Estimate("run rate", 9_000 * UNIT, 16_000 * UNIT, 0.031, 15_000 * UNIT, None, 20)
    floor = Estimate("floor", 7_000 * UNIT, 14_000 * UNIT, 0.2, None, None, 20)
    rows = [(name, "new", 700), ("b", "gone", -250), ("c", "hours", 50)]
    budget = {"budget": "fleet", "group": "fleet", "amount_micros": 10_000 * UNIT}
    budget |= {"spent_micros": 8_500 * UNIT, "spent_share": 0.85, "elapsed_share": 22 / 30}
    budget |= {"forecast_micros": 11_000 * UNIT}
    team = {**budget, "budget": name, "group": name, "spent_micros": 0, "spent_share": 0.0}
    lines = [{**budget, "alert": alert} for alert in ("50 %", "80 %", "forecast")]
    return {
        "forecast": Forecast((floor, best), best),
        "bridge": pd.DataFrame(
            [
                {
                    "account": "default",
                    "cluster_id": one,
                    "name": one,
                    "project_id": one,
                    "cause": cause,
                    "micros": amount * UNIT,
                }
                for one, cause, amount in rows
            ]
        ),
        "budgets": Budgets(pd.DataFrame([budget, team]), pd.DataFrame(lines)),
        "anomalies": pd.DataFrame(
            [
                {
                    "date": pd.Timestamp(DAY),
                    "cut": "project",
                    "group": name,
                    "spend_micros": 900 * UNIT,
                    "usual_micros": 400 * UNIT,
                    "deviation_micros": 500 * UNIT,
                    "score": 9.0,
                }
            ]
        ),
        "changed": pd.DataFrame(
            [
                {
                    "cluster_id": name[:40],
                    "account": "default",
                    "name": name,
                    "project_id": name,
                    "change": change,
                    "status_before": "running",
                    "status": now,
                    "spend_before_micros": 20 * UNIT,
                    "spend_micros": 5 * UNIT,
                }
                for change, now in (("failed", name), ("stopped", "stopped"))
            ]
        ),
        "exclusion_costs": pd.DataFrame(
            [
                {
                    "match": name,
                    "rule": "idle",
                    "owner": name,
                    "reason": name,
                    "expires": "2026-12-31",
                    "is_expired": False,
                    "findings": 2,
                    "cost_micros": 75 * UNIT,
                },
                {
                    "match": "old-*",
                    "rule": "*",
                    "owner": "ops",
                    "reason": "migration",
                    "expires": "2026-11-01",
                    "is_expired": True,
                    "findings": 0,
                    "cost_micros": 0,
                },
            ]
        ),
        "unobservable_micros": 12 * UNIT,
    }


@dataclass(frozen=True)
class Estimate:
    """As ``transform.forecast`` gives it."""

    method: str
    remaining_micros: int
    total_micros: int
    error_share: float | None
    low_micros: int | None
    high_micros: int | None
    origins: int


@dataclass(frozen=True)
class Forecast:
    """As ``transform.forecast`` gives it."""

    estimates: tuple[Estimate, ...]
    best: Estimate | None
    refused: str | None = None
    first: date = date(2026, 11, 1)
    until: date = date(2026, 11, 30)
    spent_micros: int = 7_000 * UNIT
    days_left: int = 8
    history_days: int = 22


@dataclass(frozen=True)
class Budgets:
    """As ``transform.budgets`` gives it."""

    table: pd.DataFrame
    alerts: pd.DataFrame


def lived(findings: pd.DataFrame, **lives: dict[str, object]) -> pd.DataFrame:
    """``findings`` with life columns, by ``CLUSTER__RULE``."""
    rows = findings.astype({"gone_reason": "object", "state": "object"})
    for key, values in lives.items():
        cluster_id, rule = key.split("__")
        here = (rows["cluster_id"] == cluster_id) & (rows["rule_id"].astype("str") == rule)
        for column, value in values.items():
            rows.loc[here, column] = value
    return schema.FINDINGS.enforce(rows)


def with_lives(findings: pd.DataFrame) -> pd.DataFrame:
    """One finding new, one open, one back, one gone by chance, one gone by acting."""
    before, early = pd.Timestamp(DAY - timedelta(days=10)), pd.Timestamp(DAY - timedelta(days=25))
    return lived(
        findings,
        cluster_a2__idle={
            "state": "open",
            "found_on": before,
            "promised_micros": 600 * UNIT,
            "waiting_cost_micros": 200 * UNIT,
        },
        cluster_a3__idle={"state": "new", "found_on": pd.Timestamp(DAY)},
        cluster_a7__idle_loaded={"state": "reopened", "found_on": early},
        cluster_a5__idle={
            "state": "gone",
            "found_on": early,
            "gone_on": pd.Timestamp(DAY),
            "gone_reason": "resumed work",
            "promised_micros": 90 * UNIT,
        },
        cluster_a1__idle={
            "state": "gone",
            "found_on": early,
            "gone_on": before,
            "gone_reason": "stopped",
            "promised_micros": 300 * UNIT,
            "realised_micros": 80 * UNIT,
        },
        cluster_a1__underutilized={
            "state": "gone",
            "found_on": early,
            "gone_on": before,
            "gone_reason": "stopped",
            "promised_micros": 0,
            "realised_micros": 0,
        },
    )


SETS = (
    "normal",
    "account_behind",
    "empty_fleet",
    "no_closed_day",
    "one_cluster",
    "all_unjudged",
    "hostile",
    "full",
)


@pytest.fixture(scope="session")
def views() -> dict[str, ReportView]:
    """The views of all shared result sets."""
    return {name: build(**make(name)) for name in SETS}
