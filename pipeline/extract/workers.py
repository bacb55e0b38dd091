"""Several workers over one list: disjoint slices of creation time, split where somebody is idle.

How clusters spread over time is not known beforehand, so the list is not cut into equal parts. One
worker starts with everything; whenever another has nothing to do, a worker with several pages
ahead of it halves the time span before it and gives the older half away. Each split costs at most
one more request, and the halves overlap by two seconds, so that no tie is lost between them.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pipeline.extract.walk import SECOND, Slice, Walk, created_times, whole_second
from pipeline.extract.walk_by_time import NEWEST_FIRST, TimeWalk

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipeline.extract.client import Client

WORTH_SHARING_PAGES = 4
"""A slice with fewer pages left is finished sooner than split."""


class StoppedError(Exception):
    """Another worker failed; this one need not go on."""


class Crew:
    """The workers of one walk and what they have left to do: ``walk.slices``."""

    def __init__(self, walk: Walk, workers: int) -> None:
        self._walk = walk
        self._workers = workers
        self._changed = threading.Condition()
        self._waiting = list(walk.slices)
        self._idle = 0
        self._failed = False
        self._oldest: datetime | None = None

    def run(self, new_client: Callable[[], Client]) -> None:
        """Walk all slices; the first failure of any worker is raised after all have stopped."""
        if any(part.after is None for part in self._waiting):
            self._oldest = self._find_oldest()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="walk") as pool:
            done = [pool.submit(self._work, new_client) for _ in range(self._workers)]
        errors = [error for future in done if (error := future.exception())]
        for error in sorted(errors, key=lambda error: isinstance(error, StoppedError)):
            raise error

    def _find_oldest(self) -> datetime | None:
        page, at = self._walk.ask(
            {**NEWEST_FIRST, "limit": self._walk.settings.page_size, "sort_order": "asc"}
        )
        self._walk.take(page, at)
        return min(created_times(page), default=None)

    def _work(self, new_client: Callable[[], Client]) -> None:
        client = new_client()
        try:
            while (part := self._next()) is not None:
                TimeWalk(self._walk, client, self._share).run(part)
                with self._changed:
                    self._walk.slices.remove(part)
        except BaseException:
            with self._changed:
                self._failed = True
                self._changed.notify_all()
            raise
        finally:
            client.close()

    def _next(self) -> Slice | None:
        """A slice nobody walks, as soon as there is one; None when all is done."""
        with self._changed:
            self._idle += 1
            while not self._waiting and self._idle < self._workers and not self._failed:
                self._changed.wait()
            if self._failed or not self._waiting:
                self._changed.notify_all()
                return None
            self._idle -= 1
            return self._waiting.pop()

    def _share(self, part: Slice) -> bool:
        """Give the older half of ``part`` away, if somebody is idle and it is worth it."""
        with self._changed:
            if self._failed:
                raise StoppedError
            few = WORTH_SHARING_PAGES * self._walk.settings.page_size
            low = part.after or self._oldest
            if not self._idle or self._waiting or low is None or part.bound is None:
                return False
            if part.remaining is not None and part.remaining < few:
                return False
            middle = whole_second(low + (part.bound - low) / 2)
            if not low + 2 * SECOND < middle < part.bound - 2 * SECOND:
                return False
            older = Slice(bound=middle + SECOND, after=part.after)
            part.after = middle - SECOND
            self._walk.slices.append(older)
            self._waiting.append(older)
            self._changed.notify()
            return True
