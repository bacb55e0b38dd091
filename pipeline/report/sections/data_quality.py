"""How far to trust a report: what was looked at, what was missed, what is estimated, and how.

Said in the report itself, because a number without it looks more certain than it is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.model import Certificate, State
from pipeline.report.model import Fact
from pipeline.report.sections import not_observed
from pipeline.report.text import names
from pipeline.report.text.numbers import Money, count, count_of, duration, moment, percent, share
from pipeline.transform.findings.by_cluster import CLUSTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.settings import Settings
    from pipeline.transform.totals import Totals

_STATES = {
    State.COMPLETE: "complete",
    State.DRIFTED: "drifted under the walk",
    State.UNPROVEN: "not provably complete",
    State.SUSPECT: "suspect",
}
_SKEW_SHOWN_SECONDS = 60
_DAMAGED_NAMED = 3


def data_quality(inputs: ReportInputs, totals: Totals) -> tuple[Fact, ...]:
    """What is known about the data that the report rests on."""
    money, certificates = inputs.money, inputs.certificates
    facts = [*not_observed.facts(totals), _snapshots(certificates)]
    if inputs.day is not None:
        facts += [
            _days(totals),
            *_spend(totals, inputs.window, money),
            *_unobserved(inputs.unobserved_micros, money),
            *_time(inputs.window),
        ]
    facts += [*_limits_of_v2(certificates), *_troubles(certificates)]
    if inputs.damaged:
        facts.append(_damaged(inputs.damaged))
    if inputs.provenance is not None and inputs.provenance.incomplete:
        facts.append(_incomplete(inputs.provenance.incomplete))
    if inputs.day is not None:
        facts += _excluded(inputs.findings, money)
    return tuple(facts)


def _snapshots(certificates: Sequence[Certificate]) -> Fact:
    states = Counter(certificate.state for certificate in certificates)
    parts = [f"{count(states[state])} {_STATES[state]}" for state in State if states[state]]
    if not parts:
        return Fact(term="Looks at the fleet", value="none", tone="warn")
    newest = max(certificate.finished_at for certificate in certificates)
    return Fact(
        term="Looks at the fleet",
        value=", ".join(parts),
        meaning=f"The newest ended {moment(newest)}. Only a complete look proves that a cluster "
        "that is missing from it is gone. More looks make stronger claims.",
        tone="warn" if len(parts) > 1 or not states[State.COMPLETE] else "plain",
    )


def _days(totals: Totals) -> Fact:
    wanted = (totals.day - totals.first).days + 1 if totals.day and totals.first else 0
    missing = wanted - totals.days_known
    return Fact(
        term="Days",
        value=f"{count(totals.days_known)} of {count_of(wanted, 'day')}",
        meaning=f"Without a closed ledger: {count_of(missing, 'day')}. What was spent then is "
        "not known, and nothing is added for it."
        if missing
        else "Every day of the window is closed.",
        tone="warn" if missing else "plain",
    )


def _spend(totals: Totals, window: pd.DataFrame, money: Money) -> list[Fact]:
    estimated = max(0, (totals.spend_micros or 0) - totals.metered_micros)
    facts = [
        Fact(
            term="Spend of the window",
            value=money.span(totals.low_micros, totals.high_micros),
            meaning="The least and the most it can have been, by what was seen.",
        ),
        Fact(
            term="Estimated",
            value=share(estimated, totals.spend_micros) if totals.spend_micros else "nothing",
            meaning="Rate times running time, where a cost counter is missing, fell, or its "
            "cluster vanished. The rest is the difference of the API's own counters.",
        ),
    ]
    unpriced = int(window["unpriced_seconds"].sum())
    if unpriced:
        facts.append(
            Fact(
                term="Without a price",
                value=duration(unpriced),
                meaning="Cluster time with neither a cost counter nor a rate: it is in no total. "
                "A rate card in the settings prices it.",
                tone="warn",
            )
        )
    carried = int(window["carried_in_micros"].sum())
    if carried:
        facts.append(
            Fact(
                term="Carried in",
                value=money.exact(carried),
                meaning="Cost that clusters had run up before they were first seen: in no total.",
            )
        )
    return facts


def _unobserved(micros: int | None, money: Money) -> list[Fact]:
    if micros is None:
        return []
    return [
        Fact(
            term="Between two looks",
            value=money.rounded(micros),
            meaning="An estimate of what no list can show at this spacing of looks, such as "
            "clusters that came and went between two of them. It is in no total; more looks make "
            "it smaller.",
        )
    ]


def _time(window: pd.DataFrame) -> list[Fact]:
    observed, gap = int(window["observed_seconds"].sum()), int(window["gap_seconds"].sum())
    running = int(window["running_seconds"].sum())
    unread = int(window[["band_no_metrics_seconds", "band_unseen_seconds"]].sum().sum())
    facts = []
    if observed + gap:
        facts.append(
            Fact(
                term="Cluster time nobody saw",
                value=share(gap, observed + gap),
                meaning="Further than 30 minutes from any look, and not proven by a counter.",
            )
        )
    if running:
        facts.append(
            Fact(
                term="Running time without a GPU reading",
                value=share(unread, running),
                meaning="It is left out of every mean; no claim of idleness rests on it.",
            )
        )
    return facts


def _limits_of_v2(certificates: Sequence[Certificate]) -> list[Fact]:
    accounts = sorted({c.account for c in certificates if c.api_version == "v2"})
    if not accounts:
        return []
    return [
        Fact(
            term="API version 2",
            value=", ".join(names.shown(account) for account in accounts),
            meaning="This version of the API tells neither costs, nor use, nor the number of GPUs. "
            "What it cannot tell is unknown here, not zero; version 1 tells it.",
            tone="warn",
        )
    ]


def _troubles(certificates: Sequence[Certificate]) -> list[Fact]:
    facts = []
    quarantined = sum(certificate.quarantined for certificate in certificates)
    if quarantined:
        facts.append(
            Fact(
                term="Quarantined records",
                value=count(quarantined),
                meaning="Records of the API without a usable identity: kept aside, in no number.",
                tone="warn",
            )
        )
    unusable = sum(certificate.bad_fields for certificate in certificates)
    if unusable:
        facts.append(
            Fact(
                term="Unusable values",
                value=count(unusable),
                meaning="Values of the API that cannot be meant: taken as unknown.",
                tone="warn",
            )
        )
    skew = max((abs(c.clock_skew_seconds) for c in certificates), default=0)
    wrong = sum(certificate.wrong_dates for certificate in certificates)
    if skew >= _SKEW_SHOWN_SECONDS:
        facts.append(
            Fact(
                term="Clock",
                value=f"off by up to {duration(int(skew))}",
                meaning="This machine's clock against the API's. "
                + (
                    f"Of {count_of(wrong, 'answer')} the API's time was not believed: this "
                    "machine's counts."
                    if wrong
                    else "Times are the API's, so no money moved."
                ),
                tone="warn",
            )
        )
    return facts


def _excluded(findings: pd.DataFrame, money: Money) -> list[Fact]:
    rows = findings[findings["exclusion"].notna()]
    if rows.empty:
        return []
    best = rows.groupby(CLUSTER, observed=True)["net_saving_micros"].max()
    return [
        Fact(
            term="Excluded findings",
            value=count(len(rows)),
            meaning="Answered for by an exclusion and in no number above. Acting on them would "
            f"save {money.exact(int(best.fillna(0).sum()))} over the next 30 days.",
        )
    ]


def _damaged(damaged: Sequence[str]) -> Fact:
    return Fact(
        term="Damaged files",
        value=count(len(damaged)),
        meaning=f"Not what was written, and skipped: {_first_of(damaged)}.",
        tone="bad",
    )


def _incomplete(incomplete: Sequence[str]) -> Fact:
    return Fact(
        term="Incomplete inputs",
        value=count(len(incomplete)),
        meaning="The findings are not final: they are made again when these are repaired: "
        f"{_first_of(incomplete)}.",
        tone="bad",
    )


def _first_of(paths: Sequence[str]) -> str:
    named = ", ".join(names.shown(path, 120) for path in paths[:_DAMAGED_NAMED])
    more = len(paths) - _DAMAGED_NAMED
    return named + (f" and {count(more)} more" if more > 0 else "")


def method(settings: Settings) -> tuple[Fact, ...]:
    """How the numbers are made, in a few sentences."""
    days, strict = settings.rules.idle_window_days, percent(settings.rules.idle_share_pct)
    meanings = {
        "Spend": "The difference of a cluster's cost counter between two looks, split at midnight "
        "UTC by time. Without a counter: rate times running time, called estimated.",
        "GPU use": "Readings at the looks. One speaks for at most 30 minutes to each side; busy "
        "means above 5 %.",
        "Waste": "The least that idle clusters can have cost, times the part of their "
        "running time within 30 minutes of a reading, times the share of it that cannot have been "
        "busy: n hours read without work leave a busy share of 1 \N{MINUS SIGN} 0.05^(1/n) "
        f"possible (95 % confidence). Judged over {days} days. A cluster that is stuck and charged "
        "for it counts with what that cost. It is called proven where its finding is graded so; "
        "`provable_waste` in the CSV files is the amount at every grade.",
        "Grades": "Suspected, likely or proven: by that bound, by how much of the week was seen, "
        f"and by how strictly it holds (proven idle: at least {strict} of the running time).",
        "One cluster, one sum": "Several findings about a cluster are about the same money; it "
        "counts once, with the largest. Of several actions the one that saves most counts.",
        "Rounding": "Each figure by itself, totals from unrounded values. 0 % and 100 % are "
        "written only when exact; a dash is unknown, not zero.",
    }
    return tuple(Fact(term=term, value="", meaning=meaning) for term, meaning in meanings.items())
