"""The inputs of reports: the sets that every renderer must render."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import schema
from pipeline.model import NotObserved, State
from pipeline.report.inputs import ReportInputs
from pipeline.rules import NOT_OBSERVED
from pipeline.settings import Report, Settings
from tests.report.factories.analyses import with_analyses
from tests.report.factories.clusters import DAY, RULEBOOK, UNIT, Cluster, certificate, frame
from tests.report.factories.findings import with_every_state, with_states

if TYPE_CHECKING:
    from pipeline.model import Certificate

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

NORMAL = [
    Cluster("cluster_a1", "train-big", "llm", 25.0, 82.0),
    Cluster(
        *("cluster_a2", "forgotten", "llm", 24.0, 0.4),
        grades={"idle": "proven", "seed_candidate": ""},
        waste=7900.5,
    ),
    Cluster(
        *("cluster_a3", "notebook", "vision", 3.5, 0.0, "A100", 1),
        grades={"idle": "likely"},
        waste=700.25,
    ),
    Cluster(
        *("cluster_a4", "half-used", "vision", 12.0, 18.0, "A100", 4),
        grades={"underutilized": "likely", "seed_candidate": ""},
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
        grades={"idle_loaded": "likely"},
    ),
]

CERTIFICATES = tuple(certificate(hour) for hour in range(3))
LAST_14_DAYS = tuple(DAY - timedelta(days=ago) for ago in reversed(range(14)))


def report_inputs(
    clusters: list[Cluster],
    *,
    day: date | None = DAY,
    settings: Settings | None = None,
    certificates: tuple[Certificate, ...] = (),
) -> ReportInputs:
    """The inputs of a report about ``clusters``, without any analysis."""
    last = day or DAY
    ledger = frame(schema.LEDGER, [row for c in clusters for row in c.ledger_rows(last)])
    utilization = frame(schema.UTILIZATION, [c.window(last) for c in clusters])
    return ReportInputs(
        settings=settings or Settings(report=Report(window="14d")),
        day=day,
        ledger=ledger.assign(owner=None),
        utilization=utilization,
        evidence=utilization,
        findings=frame(schema.FINDINGS, [row for c in clusters for row in c.findings(last)]),
        days=tuple(stamp.date() for stamp in sorted(ledger["date"].unique())),
        certificates=certificates,
        version="1.2.3",
        rules=RULEBOOK,
    )


def normal() -> ReportInputs:
    """Seven clusters: busy, idle, underutilized, loaded, one too young to judge."""
    return report_inputs(NORMAL, certificates=CERTIFICATES)


def full() -> ReportInputs:
    """The same with every analysis and findings of every state."""
    inputs = normal()
    return with_analyses(replace(inputs, findings=with_every_state(inputs.findings)), "team-a")


def account_behind() -> ReportInputs:
    """``full`` beside an account that is not observed since two days ago, and one that was taken
    out of the settings before.
    """
    until, left = DAY - timedelta(days=2), DAY - timedelta(days=5)
    decision = (NOT_OBSERVED, f'"{DAY}"', f'"{until}"')
    waits = dict.fromkeys((rule.id for rule in RULEBOOK), decision)
    lab = Cluster("cluster_b1", "lab-idle", "vision", 8.0, 0.0, account="lab", insufficient=waits)
    old = Cluster("cluster_c1", "old-box", "llm", 5.0, 40.0, account="old")
    inputs = report_inputs([*NORMAL, lab, old], certificates=CERTIFICATES)
    ledger = inputs.ledger
    for account, last in (("lab", until), ("old", left)):
        is_known = (ledger["account"] != account) | (ledger["date"] <= pd.Timestamp(last))
        ledger = ledger[is_known]
    is_judged = (inputs.findings["account"] != "old").to_numpy(bool)
    findings = with_every_state(inputs.findings[is_judged].reset_index(drop=True))
    unjudged = {
        "state": "unjudged",
        "found_on": pd.Timestamp(DAY - timedelta(days=9)),
        "promised_micros": 500 * UNIT,
        "waiting_cost_micros": 90 * UNIT,
    }
    inputs = replace(
        inputs,
        ledger=ledger.reset_index(drop=True),
        findings=with_states(findings, cluster_b1__idle=unjudged),
        not_observed=(
            NotObserved(account="lab", until=until),
            NotObserved(account="old", until=left, in_settings=False),
            NotObserved(account="prod-2", until=None),
        ),
    )
    return with_analyses(inputs, "team-a")


def empty_fleet() -> ReportInputs:
    """Closed days without a cluster."""
    return replace(report_inputs([], certificates=CERTIFICATES), days=LAST_14_DAYS)


def no_closed_day() -> ReportInputs:
    """After the very first snapshot."""
    return report_inputs([], day=None, certificates=CERTIFICATES[:1])


def one_cluster() -> ReportInputs:
    """Everything in the singular."""
    return report_inputs([NORMAL[1]], certificates=CERTIFICATES)


def all_unjudged() -> ReportInputs:
    """API version 2: no costs, no readings; quarantined records and a damaged file."""
    unknown = ("when:gpu_mean_pct<=25", "25", None)
    missing = {rule.id: unknown for rule in RULEBOOK}
    certificates = tuple(
        certificate(hour, State.UNPROVEN, api_version="v2", total_count=None, quarantined=2)
        for hour in range(3)
    )
    clusters = [
        Cluster(f"c{n}", f"v2-{n}", None, None, None, gpus=None, insufficient=missing)
        for n in range(4)
    ]
    inputs = report_inputs(clusters, certificates=certificates)
    return replace(inputs, damaged=("snapshots/<b>.parquet",))


def hostile() -> ReportInputs:
    """Names that are HTML, formulas, control characters, direction overrides, 10,000 letters."""
    clusters = [
        Cluster(
            f"id{n}" if n % 2 else text[:60] or "blank",
            text,
            text,
            20.0 + n,
            0.1,
            gpu=text[:200],
            grades={"idle": "proven", "seed_candidate": ""},
            waste=200.0 - n,
        )
        for n, text in enumerate(EVIL)
    ]
    inputs = replace(report_inputs(clusters, certificates=CERTIFICATES), damaged=EVIL)
    return with_analyses(inputs, EVIL[0])


SETS = {
    "normal": normal,
    "account_behind": account_behind,
    "empty_fleet": empty_fleet,
    "no_closed_day": no_closed_day,
    "one_cluster": one_cluster,
    "all_unjudged": all_unjudged,
    "hostile": hostile,
    "full": full,
}
"""Every set by the name of its gold files."""
