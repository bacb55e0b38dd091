"""Extract: one snapshot of the List Clusters API, with a certificate of what was proven."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pipeline.errors import ApiError
from pipeline.extract.api_errors import RefusedError
from pipeline.extract.budget import BudgetError, RequestBudget, Timing
from pipeline.extract.client import ApiTarget, Client
from pipeline.extract.clocks import clock_warning
from pipeline.extract.completeness import Verdict, prove, prove_by_pages
from pipeline.extract.record_set import RecordSet
from pipeline.extract.resume import (
    ResumePoint,
    WalkInterruptedError,
    apply_resume_point,
    make_resume_point,
)
from pipeline.extract.walk import Walk
from pipeline.extract.walk_by_time import NotWalkableByTimeError, TimeWalk
from pipeline.extract.walk_v2 import walk_v2
from pipeline.model import Certificate, Snapshot, State
from pipeline.progress import ignore
from pipeline.schema_versions import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipeline.progress import OnPage
    from pipeline.settings import Extract

__all__ = [
    "ApiTarget",
    "BudgetError",
    "ResumePoint",
    "Timing",
    "WalkInterruptedError",
    "clock_warning",
    "take_snapshot",
]

MIN_SKEW_WARNING_SECONDS = 60.0


def take_snapshot(
    account: str,
    api: ApiTarget,
    settings: Extract,
    *,
    previous: Certificate | None = None,
    on_page: OnPage = ignore,
    local_now: Callable[[], datetime],
    resume: ResumePoint | None = None,
    timing: Timing | None = None,
    tool_version: str = "",
) -> Snapshot:
    """All clusters of one account, and a certificate of what was proven.

    Args:
        account: Its name in the settings.
        api: The API and the credentials for it.
        settings: The limits of the walk.
        previous: Certificate of the newest snapshot with which the count is compared.
        on_page: Called after each page.
        local_now: The local clock, for the skew and for servers that send no ``Date``.
        resume: The state of an interrupted walk, to continue it.
        timing: Monotonic time, sleep and chance; real ones by default.
        tool_version: Recorded in the certificate.

    Raises:
        KeyRefusedError: the API does not accept the key.
        WalkInterruptedError: the walk was cut off; its ``resume`` is the state to continue from.
        ApiError: no list was received; nothing may be stored.
    """
    budget = RequestBudget(settings, timing or Timing())

    def new_walk(client: Client) -> Walk:
        return Walk(
            client=client,
            budget=budget,
            record_set=RecordSet(keep_connection=settings.connection_details == "keep"),
            settings=settings,
            version=api.version,
            on_page=on_page,
            local_now=local_now,
        )

    def walk_list(point: ResumePoint | None = None) -> tuple[Walk, Verdict]:
        with closing(Client(api, settings, budget)) as client:
            walk = new_walk(client)
            if point is not None and not apply_resume_point(walk, point, account, api.base_url):
                walk.warnings.append("an unfinished walk could not be resumed; a new one was begun")
            if api.version == "v2":
                return walk, walk_v2(walk)
            return walk, _walk_v1(walk, account, api)

    walk, verdict = walk_list(resume)
    if _has_shrunk(walk, previous, settings):
        walk, verdict = _confirm_shrink(walk, walk_list, previous, settings)
    verdict = _check_quarantine(walk, verdict, settings)
    return _snapshot(account, api, walk, verdict, tool_version)


def _walk_v1(walk: Walk, account: str, api: ApiTarget) -> Verdict:
    """Walk by creation time and prove it; raise with a resume point if the walk is cut off."""
    try:
        if walk.position is not None:
            TimeWalk(walk).run(walk.position)
            walk.position = None
        return prove(walk)
    except NotWalkableByTimeError as reason:
        return prove_by_pages(walk, f"the list cannot be walked by creation time ({reason})")
    except RefusedError:
        raise
    except ApiError as error:
        point = make_resume_point(walk, account, api.base_url)
        if point is None:
            raise
        raise WalkInterruptedError(str(error), point) from error


def _has_shrunk(walk: Walk, previous: Certificate | None, settings: Extract) -> bool:
    if previous is None or previous.unique_ids == 0:
        return False
    return len(walk.record_set) <= previous.unique_ids * (1 - settings.shrink_limit_share)


def _confirm_shrink(
    walk: Walk,
    walk_again: Callable[[], tuple[Walk, Verdict]],
    previous: Certificate | None,
    settings: Extract,
) -> tuple[Walk, Verdict]:
    """The result of a second walk over a list from which nearly all clusters are gone."""
    before = previous.unique_ids if previous else 0
    change = f"{len(walk.record_set)} clusters, while the previous snapshot had {before}"
    try:
        second, second_verdict = walk_again()
    except ApiError as error:
        return walk, Verdict(State.SUSPECT, f"{change}; a second walk failed: {error}")
    if _has_shrunk(second, previous, settings):
        if second_verdict.state is not State.COMPLETE:
            return second, second_verdict
        return second, Verdict(
            State.SUSPECT, f"{change}, confirmed by a second walk; {second_verdict.proof}"
        )
    second.warnings.append(f"a first walk found only {len(walk.record_set)} clusters")
    return second, second_verdict


def _check_quarantine(walk: Walk, verdict: Verdict, settings: Extract) -> Verdict:
    """The verdict, lowered if too many records had no usable id."""
    quarantined, usable = len(walk.record_set.quarantine), len(walk.record_set)
    if not quarantined:
        return verdict
    text = f"{quarantined} records without a usable id were quarantined"
    walk.warnings.append(text)
    share = quarantined / (quarantined + usable)
    if share > settings.quarantine_limit_share and verdict.state is State.COMPLETE:
        return Verdict(State.SUSPECT, f"{text}, more than the limit; {verdict.proof}")
    return verdict


def _snapshot(
    account: str, api: ApiTarget, walk: Walk, verdict: Verdict, tool_version: str
) -> Snapshot:
    if walk.started_at is None or walk.finished_at is None:
        raise ApiError(f"{api.base_url}: no usable response")
    clocks = walk.clocks
    clocks.check_walk(api.base_url, walk.started_at)
    table = walk.record_set.table()
    if abs(clocks.skew) > MIN_SKEW_WARNING_SECONDS:
        walk.warnings.append(f"the local clock differs from the server's by {clocks.skew:.0f} s")
    certificate = Certificate(
        account=account,
        state=verdict.state,
        started_at=walk.started_at,
        finished_at=walk.finished_at,
        api_version=api.version,
        base_url=api.base_url,
        requests=walk.budget.requests + walk.budget.requests_before,
        pages=walk.pages,
        unique_ids=len(walk.record_set),
        total_count=walk.total_count,
        proof=verdict.proof,
        quarantined=len(walk.record_set.quarantine),
        bad_fields=walk.record_set.bad_fields,
        clock_skew_seconds=clocks.skew,
        wrong_dates=clocks.wrong,
        request_ids=tuple(walk.request_ids),
        warnings=tuple(walk.warnings),
        tool_version=tool_version,
        schema_version=SCHEMA_VERSION,
    )
    return Snapshot(
        certificate=certificate, table=table, quarantine=tuple(walk.record_set.quarantine.values())
    )
