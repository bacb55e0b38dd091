"""One page of clusters before it is written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.simulator.query_results import Json


@dataclass
class Page:
    """The parts of a page that faults may change."""

    clusters: list[Json]
    pagination: Json
    previous: list[Json]
    """The clusters of the page that was served before this one."""
    damaged: list[object] | None = None
    """Broken records to list in place of ``clusters``; None for a page without any."""
