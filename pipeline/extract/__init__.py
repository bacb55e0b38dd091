"""Extract: from the List Clusters API to one snapshot that says what it proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema
from pipeline.errors import ApiError
from pipeline.extract.budget import Budget, BudgetError, Timing
from pipeline.extract.client import ApiTarget, Client
from pipeline.extract.flat import walk_flat
from pipeline.extract.keyset import Keyset
from pipeline.extract.proof import walk_and_prove
from pipeline.extract.roster import Roster
from pipeline.extract.verdict import Verdict
from pipeline.extract.walk import Progress, Silent, Walk
from pipeline.model import Certificate, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipeline.settings import Extract

__all__ = ["ApiTarget", "BudgetError", "Progress", "Silent", "Timing", "take_snapshot"]

NOTABLE_SKEW_SECONDS = 60.0


def take_snapshot(
    account: str,
    api: ApiTarget,
    settings: Extract,
    *,
    previous: Certificate | None = None,
    progress: Progress | None = None,
    local_now: Callable[[], datetime],
    timing: Timing | None = None,
    tool_version: str = "",
) -> Snapshot:
    """Every cluster of one account, and a certificate of what was proven.

    Args:
        account: Its name in the settings.
        api: Where and how to ask.
        settings: The walk's limits.
        previous: Certificate of the newest snapshot whose count may be compared with.
        progress: Told after each page.
        local_now: The local clock, for the skew and for servers that send no Date.
        timing: Monotonic time, sleep and chance; real ones by default.
        tool_version: Goes into the certificate.

    Raises:
        KeyRefusedError: the API does not accept the key.
        ApiError: no list could be had within the budget; nothing may be stored.
    """
    budget = Budget(settings, timing or Timing())
    progress = progress or Silent()

    def one_walk() -> tuple[Walk, Verdict]:
        client = Client(api, settings, budget)
        try:
            keep = settings.connection_details == "keep"
            walk = Walk(
                client=client,
                budget=budget,
                roster=Roster(keep_connection=keep),
                settings=settings,
                version=api.version,
                progress=progress,
                local_now=local_now,
            )
            verdict = walk_flat(walk) if api.version == "v2" else walk_and_prove(walk, Keyset(walk))
        finally:
            client.close()
        return walk, verdict

    walk, verdict = one_walk()
    if _has_shrunk(walk, previous, settings):
        walk, verdict = _confirmed(walk, one_walk, previous, settings)
    verdict = _judge_quarantine(walk, verdict, settings)
    return _snapshot(account, api, walk, verdict, tool_version)


def _has_shrunk(walk: Walk, previous: Certificate | None, settings: Extract) -> bool:
    if previous is None or previous.unique_ids == 0:
        return False
    return len(walk.roster) <= previous.unique_ids * (1 - settings.shrink_limit_share)


def _confirmed(
    walk: Walk,
    again: Callable[[], tuple[Walk, Verdict]],
    previous: Certificate | None,
    settings: Extract,
) -> tuple[Walk, Verdict]:
    """A second walk over a list that has all but vanished."""
    before = previous.unique_ids if previous else 0
    change = f"{len(walk.roster)} clusters where the look before had {before}"
    try:
        second, second_verdict = again()
    except ApiError as error:
        return walk, Verdict(State.SUSPECT, f"{change}; a second walk failed: {error}")
    if _has_shrunk(second, previous, settings):
        if second_verdict.state is not State.COMPLETE:
            return second, second_verdict
        return second, Verdict(
            State.SUSPECT, f"{change}, confirmed by a second walk; {second_verdict.proof}"
        )
    second.warnings.append(f"a first walk showed only {len(walk.roster)} clusters")
    return second, second_verdict


def _judge_quarantine(walk: Walk, verdict: Verdict, settings: Extract) -> Verdict:
    broken, whole = len(walk.roster.quarantine), len(walk.roster)
    if not broken:
        return verdict
    text = f"{broken} records without a usable identity were set aside"
    walk.warnings.append(text)
    share = broken / (broken + whole)
    if share > settings.quarantine_limit_share and verdict.state is State.COMPLETE:
        return Verdict(State.SUSPECT, f"{text}, more than the limit; {verdict.proof}")
    return verdict


def _snapshot(
    account: str, api: ApiTarget, walk: Walk, verdict: Verdict, tool_version: str
) -> Snapshot:
    if walk.started_at is None or walk.finished_at is None:
        raise ApiError(f"{api.base_url}: not one usable answer")
    table = walk.roster.table()
    if abs(walk.skew) > NOTABLE_SKEW_SECONDS:
        walk.warnings.append(f"the local clock differs from the server's by {walk.skew:.0f} s")
    certificate = Certificate(
        account=account,
        state=verdict.state,
        started_at=walk.started_at,
        finished_at=walk.finished_at,
        api_version=api.version,
        base_url=api.base_url,
        requests=walk.budget.requests,
        pages=walk.pages,
        unique_ids=len(walk.roster),
        total_count=walk.total_count,
        proof=verdict.proof,
        quarantined=len(walk.roster.quarantine),
        bad_fields=walk.roster.bad_fields,
        clock_skew_seconds=walk.skew,
        request_ids=tuple(walk.request_ids),
        warnings=tuple(walk.warnings),
        tool_version=tool_version,
        schema_version=schema.SCHEMA_VERSION,
    )
    return Snapshot(
        certificate=certificate, table=table, quarantine=tuple(walk.roster.quarantine.values())
    )
