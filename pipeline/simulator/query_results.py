"""The clusters that a query selects, in its order, and their JSON records.

A list is selected once per query and second of simulated time. Its pages are cut from the cached
positions, and only their records are written, so a page costs the same in a fleet of any size.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.simulator.clusters import GPU_TYPES, PROJECTS, REGIONS, TEMPLATES
from pipeline.simulator.lifecycles import NEVER, STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipeline.arrays import Bools, Floats, Ints, Positions, Texts
    from pipeline.simulator.fleet import Fleet, FleetState
    from pipeline.simulator.query import Query

Json = dict[str, object]

_CACHED_LISTS = 8
_MICROS = 1e6
_SHORT_ID = 10


@dataclass(frozen=True)
class Quirks:
    """Behaviour that the documentation leaves open, or that is wrong."""

    before_inclusive: bool = False
    """``created_before`` includes the bound."""
    after_inclusive: bool = False
    before_ignored: bool = False
    """``created_before`` has no effect."""
    order_ignored: bool = False
    """The order is by name, whatever is requested."""
    limit_cap: int = 100
    """Pages are silently limited to this size."""
    unstable_ties: int = 0
    """If not 0, the seed of the order of clusters that sort alike."""


class Listing:
    """The lists of a fleet; the last few are cached."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[object, ...], FleetState] = OrderedDict()

    def select(self, fleet: Fleet, t: int, query: Query, quirks: Quirks = Quirks()) -> FleetState:
        """All clusters that the query selects, in its order."""
        # The key holds the fleet, so that no other fleet can get its identity.
        key = (fleet, t, replace(query, page=1, limit=1), quirks)
        if key in self._lists:
            self._lists.move_to_end(key)
            return self._lists[key]
        state = fleet.state(t)
        state = state.take(np.flatnonzero(_mask(fleet, state, query, quirks)))
        state = state.take(_order(fleet, state, query, quirks))
        self._lists[key] = state
        if len(self._lists) > _CACHED_LISTS:
            self._lists.popitem(last=False)
        return state


def _mask(fleet: Fleet, state: FleetState, query: Query, quirks: Quirks) -> Bools:
    """Whether each cluster of the state passes the query's filters."""
    clusters, rows = fleet.clusters, state.rows
    keep = np.ones(len(rows), np.bool_)
    for wanted, vocabulary, codes in (
        (query.status, STATUSES, fleet.lifecycles.status[state.segments]),
        (query.gpu_type, GPU_TYPES, clusters.gpu_type[rows]),
        (query.region, REGIONS, clusters.region[rows]),
        (query.project_id, PROJECTS, clusters.project[rows]),
        (query.template_id, TEMPLATES, clusters.template[rows]),
    ):
        if wanted is not None:
            keep &= codes == (vocabulary.index(wanted) if wanted in vocabulary else -1)
    if query.min_gpu_count is not None:
        keep &= clusters.gpu_count[rows] >= query.min_gpu_count
    if query.max_gpu_count is not None:
        keep &= clusters.gpu_count[rows] <= query.max_gpu_count
    created = fleet.lifecycles.created[rows]
    if query.created_after is not None:
        bound = query.created_after.timestamp()
        keep &= (created >= bound) if quirks.after_inclusive else (created > bound)
    if query.created_before is not None and not quirks.before_ignored:
        bound = query.created_before.timestamp()
        keep &= (created <= bound) if quirks.before_inclusive else (created < bound)
    if query.search is not None:
        keep[keep] = _mentions(fleet, rows[keep], query.search.casefold())
    return keep


def _mentions(fleet: Fleet, rows: Positions, wanted: str) -> Bools:
    names = fleet.clusters.name[rows].tolist()
    descriptions = fleet.clusters.description[rows].tolist()
    matches = [
        wanted in name.casefold() or wanted in (text or "").casefold()
        for name, text in zip(names, descriptions, strict=True)
    ]
    return np.array(matches, np.bool_)


def _order(fleet: Fleet, state: FleetState, query: Query, quirks: Quirks) -> Positions:
    """The places of the state's clusters in the query's order; ties are always by ascending id."""
    keys = _SORT_KEYS["name" if quirks.order_ignored else query.sort_by](fleet, state)
    ties = fleet.clusters.id_ranks[state.rows]
    if quirks.unstable_ties:
        ties = np.random.default_rng(quirks.unstable_ties).permutation(len(ties))
    return np.lexsort((ties, keys if query.sort_order == "asc" else -keys))


_STATUS_RANKS = np.argsort(np.argsort(np.array(STATUSES)))

_SORT_KEYS: dict[str, Callable[[Fleet, FleetState], Ints]] = {
    "created_at": lambda fleet, state: fleet.lifecycles.created[state.rows],
    "name": lambda fleet, state: fleet.clusters.name_ranks[state.rows],
    "status": lambda fleet, state: _STATUS_RANKS[fleet.lifecycles.status[state.segments]],
    "gpu_count": lambda fleet, state: fleet.clusters.gpu_count[state.rows],
    "cost": lambda fleet, state: fleet.lifecycles.rate[state.segments],
}


def records_v1(fleet: Fleet, state: FleetState) -> list[Json]:
    """The 21-field objects of these clusters, in this order."""
    clusters, lifecycles, rows, segments = (
        fleet.clusters,
        fleet.lifecycles,
        state.rows,
        state.segments,
    )
    gpu, memory, cpu = fleet.metrics(state)
    is_running = lifecycles.status[segments] == STATUSES.index("running")
    columns = (
        clusters.cluster_id[rows],
        clusters.name[rows],
        clusters.description[rows],
        lifecycles.status[segments],
        clusters.gpu_type[rows],
        clusters.gpu_count[rows],
        clusters.cpu_cores[rows],
        clusters.memory_gb[rows],
        clusters.storage_gb[rows],
        clusters.region[rows],
        clusters.project[rows],
        clusters.template[rows],
        clusters.ssh_enabled[rows],
        is_running,
        _nulls(gpu),
        _nulls(memory),
        _nulls(cpu),
        lifecycles.rate[segments] / _MICROS,
        lifecycles.session_cost(segments, state.t) / _MICROS,
        lifecycles.total_cost(segments, state.t) / _MICROS,
        _stamps(lifecycles.created[rows]),
        _stamps(lifecycles.start[segments]),
        _stamps(lifecycles.expires[rows]),
    )
    return [
        _record_v1(*values) for values in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _nulls(values: Floats) -> Texts:
    """``values`` with None in place of NaN, which JSON does not have."""
    texts = values.astype(object)
    texts[np.isnan(values)] = None
    return texts


def _record_v1(
    cluster_id: str,
    name: str,
    description: str | None,
    status: int,
    gpu_type: int,
    gpu_count: int,
    cpu_cores: int,
    memory_gb: int,
    storage_gb: int,
    region: int,
    project: int,
    template: int,
    ssh_enabled: bool,  # noqa: FBT001 - a value of a column
    is_running: bool,  # noqa: FBT001 - a value of a column
    gpu: float | None,
    memory: float | None,
    cpu: float | None,
    rate: float,
    session_cost: float,
    total_cost: float,
    created: str,
    updated: str,
    expires: str | None,
) -> Json:
    handle = cluster_id[-_SHORT_ID:]
    port = 32_000 + int(handle, 16) % 700
    return {
        "id": cluster_id,
        "name": name,
        "description": description,
        "status": STATUSES[status],
        "gpu_type": GPU_TYPES[gpu_type],
        "gpu_count": gpu_count,
        "cpu_cores": cpu_cores,
        "memory_gb": memory_gb,
        "storage_gb": storage_gb,
        "region": REGIONS[region],
        "project_id": PROJECTS[project],
        "template_id": TEMPLATES[template],
        "ssh_enabled": ssh_enabled,
        "port_mappings": [{"internal_port": 8080, "external_port": port, "protocol": "tcp"}],
        "proxy_url": f"https://cluster-{handle}.tensorone.example",
        "ssh_connection": {
            "host": f"ssh-{handle}.tensorone.example",
            "port": 22,
            "username": "root",
        }
        if ssh_enabled
        else None,
        "metrics": {"gpu_utilization": gpu, "memory_utilization": memory, "cpu_utilization": cpu}
        if is_running
        else None,
        "cost": {
            "hourly_rate": rate,
            "current_session_cost": session_cost,
            "total_cost": total_cost,
        },
        "created_at": created,
        "updated_at": updated,
        "expires_at": expires,
    }


def records_v2(fleet: Fleet, state: FleetState) -> list[Json]:
    """The 7-field camelCase objects of these clusters."""
    clusters, rows = fleet.clusters, state.rows
    columns = (
        clusters.cluster_id[rows],
        clusters.name[rows],
        fleet.lifecycles.status[state.segments],
        clusters.gpu_type[rows],
        clusters.container_disk_gb[rows],
        clusters.storage_gb[rows],
        _stamps(fleet.lifecycles.created[rows]),
    )
    return [
        {
            "id": cluster_id,
            "name": name,
            "status": STATUSES[status],
            "gpuType": GPU_TYPES[gpu_type],
            "containerDiskSize": container_disk,
            "volumeSize": volume,
            "createdAt": created,
        }
        for cluster_id, name, status, gpu_type, container_disk, volume, created in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def iso(t: datetime) -> str:
    """``t`` as the API writes times: whole seconds and a Z."""
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def _stamps(seconds: Ints) -> Texts:
    """As :func:`iso`, for an array; ``NEVER`` becomes null."""
    texts = np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC").astype(object)
    texts[seconds == NEVER] = None
    return texts
