"""The inputs of reports in the states that a store passes through; each as small as it can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.model import State
from pipeline.report.summary import Provenance
from pipeline.settings import Report, Settings
from pipeline.transform.budgets import Budgets
from tests.report.factories.analyses import budgets, forecast, spend_change
from tests.report.factories.clusters import DAY, HOUR, RULEBOOK, UNIT, Cluster, certificate
from tests.report.factories.findings import with_states
from tests.report.factories.results import CERTIFICATES, NORMAL, report_inputs

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs

BUSY = [
    Cluster("cluster_a1", "train-big", "llm", 25.0, 82.0),
    Cluster("cluster_a5", "night-batch", "search", 2.0, 65.0, "T4", 2, hours=6),
]
FOUND = {"state": "open", "found_on": pd.Timestamp(DAY - timedelta(days=10))}


def first_night() -> ReportInputs:
    """One closed day: too young to judge, to compare and to forecast."""
    young = {rule.id: ("applies:running_hours>=30", "30", "24.0") for rule in RULEBOOK}
    clusters = [
        Cluster("cluster_a1", "train-big", "llm", 25.0, 82.0, days=1, insufficient=young),
        Cluster("cluster_a2", "forgotten", "llm", 24.0, 0.0, days=1, insufficient=young),
    ]
    inputs = report_inputs(clusters, certificates=CERTIFICATES[:2])
    return replace(inputs, forecast=forecast(refused="3 days of history are needed"))


def good_day() -> ReportInputs:
    """Every cluster works: no finding, a budget within its line."""
    two = budgets("llm")
    return replace(
        report_inputs(BUSY, certificates=CERTIFICATES),
        forecast=forecast(),
        budgets=Budgets(two.table[1:], two.alerts[:0], ()),
        spend_change=spend_change(("night-batch", "hours", -20)),
    )


def incomplete_list() -> ReportInputs:
    """The newest lists are not complete, and the findings lack an input."""
    states = (State.COMPLETE, State.DRIFTED, State.SUSPECT)
    certificates = tuple(certificate(hour, state) for hour, state in enumerate(states))
    missing = f"ledger/account=default/date={DAY}/0123.parquet: damaged"
    return replace(
        report_inputs([NORMAL[0], NORMAL[2]], certificates=certificates),
        provenance=Provenance(findings="0123", findings_version=1, incomplete=(missing,)),
    )


def gaps() -> ReportInputs:
    """Five days without a ledger, and a third of the rest unobserved and estimated."""
    inputs = report_inputs([NORMAL[0], NORMAL[2]], certificates=CERTIFICATES)
    lost = [pd.Timestamp(DAY - timedelta(days=ago)) for ago in range(3, 8)]
    ledger = inputs.ledger[~inputs.ledger["date"].isin(lost)].reset_index(drop=True)
    ledger = ledger.assign(
        observed_seconds=16 * HOUR,
        gap_seconds=8 * HOUR,
        metered_micros=ledger["spend_micros"] // 3 * 2,
        spend_low_micros=ledger["spend_micros"] // 3 * 2,
        spend_high_micros=ledger["spend_micros"] * 2,
    )
    known = tuple(stamp.date() for stamp in sorted(ledger["date"].unique()))
    return replace(inputs, ledger=ledger, days=known, unobserved_micros=45 * UNIT)


def rate_card() -> ReportInputs:
    """API version 2 with prices of the rate card: all spend is estimated, and no GPU is read."""
    unread = {rule.id: ("when:gpu_mean_pct<=25", "25", None) for rule in RULEBOOK}
    clusters = [
        Cluster(f"c{n}", f"v2-{n}", "llm", 3.0, None, gpus=None, insufficient=unread)
        for n in range(2)
    ]
    certificates = tuple(
        certificate(hour, State.COMPLETE, api_version="v2", total_count=None) for hour in range(3)
    )
    inputs = report_inputs(clusters, certificates=certificates)
    return replace(inputs, ledger=inputs.ledger.assign(metered_micros=0))


def _in_force(findings: pd.DataFrame) -> pd.DataFrame:
    return with_states(
        findings, cluster_a2__idle=FOUND, cluster_a3__idle=FOUND, cluster_a4__underutilized=FOUND
    )


def _of_currency(currency: str, scale: float) -> ReportInputs:
    """Idle and underutilized clusters whose prices are ``scale`` times those of ``normal``."""
    clusters = [
        replace(cluster, rate=cluster.rate * scale, waste=cluster.waste * scale)
        for cluster in NORMAL[1:4]
        if cluster.rate is not None
    ]
    settings = Settings(stated_currency=currency, report=Report(window="14d"))
    inputs = report_inputs(clusters, settings=settings, certificates=CERTIFICATES)
    return replace(inputs, findings=_in_force(inputs.findings))


def yen() -> ReportInputs:
    """A currency without decimals."""
    return _of_currency("JPY", 150.0)


def dinar() -> ReportInputs:
    """A currency with three decimals."""
    return _of_currency("KWD", 0.3)


def _owned() -> ReportInputs:
    inputs = report_inputs(NORMAL[:4], certificates=CERTIFICATES)
    owner = {"cluster_a1": "ml", "cluster_a2": "ml", "cluster_a3": "vision team"}
    findings = _in_force(inputs.findings)
    return replace(
        inputs,
        ledger=inputs.ledger.assign(owner=inputs.ledger["cluster_id"].map(owner)),
        findings=findings.assign(owner=findings["cluster_id"].map(owner)),
    )


def owners() -> ReportInputs:
    """Two owners, and a cluster that has none."""
    return replace(_owned(), has_owners=True)


def owner_part() -> ReportInputs:
    """The part of one owner."""
    inputs, name = _owned(), "vision team"
    ledger = inputs.ledger[(inputs.ledger["owner"] == name).to_numpy(bool)]
    ids = ledger["cluster_id"].unique()
    used = inputs.utilization[inputs.utilization["cluster_id"].isin(ids)].reset_index(drop=True)
    findings = inputs.findings[(inputs.findings["owner"] == name).to_numpy(bool)]
    return replace(
        inputs,
        ledger=ledger.reset_index(drop=True),
        utilization=used,
        evidence=used,
        findings=findings.reset_index(drop=True),
        owner=name,
    )


STATES = {
    "first_night": first_night,
    "good_day": good_day,
    "incomplete_list": incomplete_list,
    "gaps": gaps,
    "rate_card": rate_card,
    "yen": yen,
    "dinar": dinar,
    "owners": owners,
    "owner_part": owner_part,
}
"""Every state by the name of its gold files."""
