"""Actions in words: the imperative, what it takes, and the arithmetic behind its figures.

The arithmetic uses the same functions and constants as the saving (``transform.findings.savings``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.report.text import names
from pipeline.report.text.numbers import Money, count, count_of, known, percent
from pipeline.rules import ACTIONS
from pipeline.transform.findings.savings import HEADROOM, MEMORY_HEADROOM, gpu_need

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pipeline.rules import Action

    Record = Mapping[Any, Any]

_IMPERATIVES = {
    "terminate": "Terminate",
    "stop": "Stop",
    "schedule": "Stop outside its hours:",
    "resize": "Resize",
    "move": "Move to its peers' price:",
    "review": "Review",
}
_SENTENCES = {
    "terminate": "Terminate it if its storage is no longer needed, else stop it.",
    "stop": "Stop it while it is not in use; its storage may still be charged.",
    "schedule": "Stop it outside the hours in which it is used.",
    "resize": "Give it fewer or smaller GPUs, and check its use afterwards.",
    "move": "Move it to a cheaper offer.",
    "review": "Ask its owner what it is for.",
}
_TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"


def with_gpu_need(evidence: pd.DataFrame) -> pd.DataFrame:
    """``evidence`` with the GPUs that its work, its memory and both need; null where unknown."""
    need = gpu_need(evidence)
    return evidence.assign(
        gpus_for_work=need.for_work, gpus_for_memory=need.for_memory, gpus_needed=need.gpus
    )


def measured(finding: Record, evidence: Record) -> Record:
    """The cluster's evidence with the measures that the finding's rule read."""
    own = known(finding["evidence"])
    return {**evidence, **(msgspec.json.decode(own) if own else {})}


def imperative(action: str, evidence: Record) -> str:
    """``Resize from 8 GPUs to 3:``; the cluster's name follows."""
    gpus, needed = known(evidence.get("gpu_count")), known(evidence.get("gpus_needed"))
    if action == "resize" and gpus and needed and needed < gpus:
        return f"Resize from {count_of(int(gpus), 'GPU')} to {count(int(needed))}:"
    return _IMPERATIVES.get(action, action)


def advice(action: str) -> str:
    """What to do, in a sentence; of an action that is not the best in every case, when."""
    return _SENTENCES[action]


def what_to_do(action: str | None, evidence: Record, money: Money) -> str:
    """What to do with its arithmetic, its effort and risk, and how to undo it."""
    key = str(known(action) or "")
    if key not in ACTIONS:
        return ""
    sentences = [advice(key), arithmetic(key, evidence, money)]
    if key != "review":
        what = ACTIONS[key]
        sentences.append(
            f"Effort {what.effort}, risk {what.risk} ({what.because}). Undo: {undo(what)}."
        )
    return " ".join(each for each in sentences if each)


def undo(action: Action) -> str:
    """How the action is undone."""
    return action.rollback or "not possible"


def arithmetic(action: str, evidence: Record, money: Money) -> str:
    """How the figures of the action come about; empty if it has none or they are unknown."""
    if action == "resize":
        return _resize(evidence)
    if action == "move":
        return _move(evidence, money)
    return ""


def _resize(evidence: Record) -> str:
    """The GPUs that its work and its memory need."""
    gpus, needed = known(evidence.get("gpu_count")), known(evidence.get("gpus_needed"))
    if not gpus or not needed:
        return ""
    by_work, by_memory = (
        f"{count(int(gpus))}{_TIMES}{percent(evidence[value])} ({what}) / {percent(100 * headroom)}"
        f" = {evidence[value] * int(gpus) / 100 / headroom:,.2f}"
        if known(evidence.get(value)) is not None
        else f"unknown ({what})"
        for value, what, headroom in (
            ("gpu_p95_pct", "95th percentile of GPU use", HEADROOM),
            ("memory_max_pct", "highest memory use", MEMORY_HEADROOM),
        )
    )
    return (
        f"GPUs that the work needs: {by_work}. GPUs that the memory needs: {by_memory}. "
        f"The larger, rounded up: {count(int(needed))} of {count(int(gpus))}."
    )


def _move(evidence: Record, money: Money) -> str:
    """The peers and their price."""
    own, peers = known(evidence.get("rate_per_gpu_micros")), known(evidence.get("peers"))
    median = known(evidence.get("peer_rate_micros"))
    if own is None or median is None or not peers:
        return ""
    kind, region = (names.shown(known(evidence.get(key))) for key in ("gpu_type", "region"))
    return (
        f"Its GPU costs {money.rate(own)}; the median of {count(int(peers))} running {kind} "
        f"clusters in {region} is {money.rate(median)}."
    )
