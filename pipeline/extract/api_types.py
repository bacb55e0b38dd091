"""What an answer of the List Clusters API looks like when nothing is wrong with it.

The types carry every limit a value must keep (a percentage is 0 to 100, money is not negative and
not absurd, a time has a zone), so a page that decodes as these types is right in every field and
needs no second look. A page that does not is taken apart record by record in ``salvage``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.model import Quarantined  # noqa: TC001 - a field type, read at run time

MONEY_LIMIT = 1e9
"""More than this for one cluster is a broken number. It also keeps the step from a JSON number to
integer micros exact; see ``decode.micros``."""

COUNT_LIMIT = 2**53
"""Counts and sizes above this are broken numbers (and would not survive other JSON tools)."""

Text = str | None
Identity = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0, le=COUNT_LIMIT)] | None
Money = Annotated[float, Meta(ge=0, le=MONEY_LIMIT)] | None
Percent = Annotated[float, Meta(ge=0, le=100)] | None
Instant = Annotated[datetime, Meta(tz=True)] | None


class Metrics(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one utilization sample a record carries."""

    gpu_utilization: Percent = None
    memory_utilization: Percent = None
    cpu_utilization: Percent = None


class Cost(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The money fields, in units of the account's currency."""

    hourly_rate: Money = None
    current_session_cost: Money = None
    total_cost: Money = None


class Cluster(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One record, under v1's names; v2's are mapped onto it."""

    id: Identity
    name: Text = None
    description: Text = None
    status: Text = None
    gpu_type: Text = None
    gpu_count: Count = None
    cpu_cores: Count = None
    memory_gb: Count = None
    storage_gb: Count = None
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


class ClusterV2(msgspec.Struct, forbid_unknown_fields=True, gc=False, rename="camel"):
    """One record of v2: seven fields, no cost, no metrics."""

    id: Identity
    name: Text = None
    status: Text = None
    gpu_type: Text = None
    container_disk_size: Count = None
    volume_size: Count = None
    created_at: Instant = None


class Pagination(msgspec.Struct, gc=False):
    """What v1 says about the list as a whole. Evidence, never a command."""

    total_count: int | None = None
    per_page: int | None = None


class Data(msgspec.Struct, gc=False):
    """The payload of a v1 answer."""

    clusters: list[Cluster]
    pagination: Pagination | None = None


class AnswerMeta(msgspec.Struct, gc=False):
    """The part of a v1 answer that names the request."""

    request_id: str | None = None


class AnswerV1(msgspec.Struct, gc=False):
    """A whole v1 answer."""

    data: Data
    success: bool = True
    meta: AnswerMeta | None = None


class Note(msgspec.Struct, frozen=True, gc=False):
    """What the plain record cannot say about itself; most records have none."""

    bad_fields: tuple[str, ...] = ()
    """Columns whose value was unusable, hence null."""
    extra: str | None = None
    """JSON of the fields this version does not know."""
    container_disk_gb: int | None = None


class Page(msgspec.Struct, frozen=True, gc=False):
    """One decoded answer."""

    records: tuple[Cluster, ...]
    notes: dict[int, Note]
    """By position in ``records``."""
    quarantined: tuple[Quarantined, ...] = ()
    size: int = 0
    """Elements in the answer's list, usable or not."""
    total_count: int | None = None
    per_page: int | None = None
    request_id: str | None = None

    @property
    def counts_too_low(self) -> bool:
        """Whether the answer counts fewer clusters than it holds."""
        return self.total_count is not None and self.total_count < self.size
