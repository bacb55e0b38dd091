"""Spread: a walk that begins at a uniformly random instant of an interval.

Method: the run draws ``at`` uniformly from [start, start + seconds), holds no lock until then, and
walks. A cluster that works at the same minutes of every hour is then seen at work as often as it
works. At a fixed minute it is seen always or never. The interval is recorded in the certificate, in
the time of ``started_at``, so that a claim can rely on it.

Assumption: the first response comes soon after ``at``. A delay (another walk's lock, retries, the
accounts before this one) does not depend on the work of a cluster, so a short one is tolerated: a
tenth of the spread. After a longer one the instant is no longer nearly uniform in the interval, and
the certificate records no spread. The same holds for an interrupted walk that a later run finishes:
it began in another interval.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import LockedError
from pipeline.model import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.extract import Timing
    from pipeline.jobs import Job
    from pipeline.model import Certificate

log = logging.getLogger(__name__)

MAX_DELAY_SHARE = 0.1
NOISE_SECONDS = 5.0
"""A ``Date`` has whole seconds, and a response takes time: less is no delay, and no skew."""
LOCK_PATIENCE_SECONDS = 600.0
LOCK_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class RandomInstant:
    """An instant that was drawn, and the interval it was drawn from."""

    spread: Spread
    at: datetime


def draw(now: datetime, spread: timedelta, timing: Timing) -> RandomInstant:
    """A uniformly random instant within ``spread`` from ``now``."""
    start = now.astimezone(UTC)
    seconds = int(spread.total_seconds())
    at = start + timedelta(seconds=timing.chance() * seconds)
    return RandomInstant(Spread(start=start, seconds=seconds), at)


def wait_for_instant(job: Job, spread: timedelta, timing: Timing) -> RandomInstant:
    """Draw an instant within ``spread`` from now, and return when it has come."""
    drawn = draw(job.now(), spread, timing)
    seconds = (drawn.at - drawn.spread.start).total_seconds()
    log.info("waiting %.1f s of a spread of %d s", seconds, drawn.spread.seconds)
    job.progress.wait(drawn.at)
    timing.sleep(seconds)
    return drawn


@contextmanager
def lock_patiently(job: Job, name: str, timing: Timing) -> Iterator[None]:
    """Hold the lock ``name`` while the block runs; wait up to ten minutes for another run's.

    Raises:
        LockedError: the other run held it all the time.
    """
    give_up_at = timing.monotonic() + LOCK_PATIENCE_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(job.store.lock(name))
                break
            except LockedError as error:
                if timing.monotonic() >= give_up_at:
                    raise
                log.info("waiting %.0f s: %s", LOCK_POLL_SECONDS, error)
                timing.sleep(LOCK_POLL_SECONDS)
        yield


def spread_of(drawn: RandomInstant, certificate: Certificate, clock: str) -> Spread | None:
    """The interval by the clock that dates the snapshot; None if the walk began too late for it."""
    skew = certificate.clock_skew_seconds
    # With a wrong Date among the responses, the largest skew is not that of the clock in use.
    is_servers_time = clock != "local" and not certificate.wrong_dates
    shift = timedelta(seconds=skew if is_servers_time and abs(skew) > NOISE_SECONDS else 0.0)
    delay = (certificate.started_at - (drawn.at - shift)).total_seconds()
    if not -NOISE_SECONDS <= delay <= drawn.spread.seconds * MAX_DELAY_SHARE + NOISE_SECONDS:
        log.info("the walk began %.0f s after the instant drawn: no spread is recorded", delay)
        return None
    # started_at is rounded down to whole seconds; it must not lie before its own interval.
    start = min((drawn.spread.start - shift).replace(microsecond=0), certificate.started_at)
    return Spread(start=start, seconds=drawn.spread.seconds)
