"""The types of a valid response of the List Clusters API.

The types carry every limit of a value: a percentage is 0 to 100, money is not negative and not
absurdly large, a time has a zone. A page that decodes as these types is therefore right in every
field. Any other page is decoded record by record in ``lenient_decode``.

The fields of a record are written out here only. ``record_fields`` reads them from these types, and
both decoders follow it. A new field of the API is a field here and a column in ``schema``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.model import Quarantined  # noqa: TC001 - a field type, read at run time

MONEY_LIMIT = 1e9
"""An amount above this is not valid for one cluster. The limit also keeps the step from a JSON
number to integer micros exact; see ``decode.micros``."""

COUNT_LIMIT = 2**53
"""Counts and sizes above this are not valid (and would not survive other JSON tools)."""

Text = str | None
Identity = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0, le=COUNT_LIMIT)] | None
Money = Annotated[float, Meta(ge=0, le=MONEY_LIMIT)] | None
Percent = Annotated[float, Meta(ge=0, le=100)] | None
Instant = Annotated[datetime, Meta(tz=True)] | None


class Metrics(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one utilization sample of a record."""

    gpu_utilization: Percent = None
    memory_utilization: Percent = None
    cpu_utilization: Percent = None


class Cost(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The money fields, in units of the account's currency."""

    hourly_rate: Money = None
    current_session_cost: Money = None
    total_cost: Money = None


class Cluster(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One record, under v1's names. Records of v2 are converted to it."""

    id: Identity
    name: Text = None
    description: Text = None
    status: Text = None
    gpu_type: Text = None
    gpu_count: Count = None
    cpu_cores: Count = None
    memory_gb: Count = None
    storage_gb: Count = None
    container_disk_gb: Count = msgspec.field(name="containerDiskSize", default=None)
    """Of v2 only, hence v2's name in JSON."""
    region: Text = None
    project_id: Text = None
    template_id: Text = None
    ssh_enabled: bool | None = None
    port_mappings: msgspec.Raw = msgspec.Raw()
    proxy_url: Text = None
    ssh_connection: msgspec.Raw = msgspec.Raw()
    metrics: Metrics | None = None
    cost: Cost | None = None
    created_at: Instant = None
    updated_at: Instant = None
    expires_at: Instant = None


class ClusterV2(
    msgspec.Struct,
    forbid_unknown_fields=True,
    gc=False,
    rename={
        "gpu_type": "gpuType",
        "container_disk_gb": "containerDiskSize",
        "storage_gb": "volumeSize",
        "created_at": "createdAt",
    },
):
    """One record of v2: seven fields, no cost, no metrics."""

    id: Identity
    name: Text = None
    status: Text = None
    gpu_type: Text = None
    container_disk_gb: Count = None
    storage_gb: Count = None
    created_at: Instant = None


class Pagination(msgspec.Struct, gc=False):
    """What v1 reports about the list as a whole. It is evidence, never followed blindly."""

    total_count: int | None = None
    per_page: int | None = None


class Data(msgspec.Struct, gc=False):
    """The payload of a v1 response."""

    clusters: list[Cluster]
    pagination: Pagination | None = None


class ResponseMeta(msgspec.Struct, gc=False):
    """The part of a v1 response that identifies the request."""

    request_id: str | None = None


class ResponseV1(msgspec.Struct, gc=False):
    """A v1 response."""

    data: Data
    success: bool = True
    meta: ResponseMeta | None = None


class Note(msgspec.Struct, frozen=True, gc=False):
    """What was wrong with a record, or unknown in it. Most records have no note."""

    bad_fields: tuple[str, ...] = ()
    """Columns whose value was unusable and is therefore null."""
    extra: str | None = None
    """JSON of the fields that this version does not know."""


class Page(msgspec.Struct, frozen=True, gc=False):
    """One decoded response."""

    records: tuple[Cluster, ...]
    notes: dict[int, Note]
    """By position in ``records``."""
    quarantined: tuple[Quarantined, ...] = ()
    size: int = 0
    """Number of elements in the response's list, usable or not."""
    total_count: int | None = None
    per_page: int | None = None
    request_id: str | None = None

    @property
    def counts_too_low(self) -> bool:
        """Whether the response counts fewer clusters than it contains."""
        return self.total_count is not None and self.total_count < self.size
