"""The responses as OpenAPI describes them: one struct per JSON object of the vendor's page.

Errors are written from these structs. Pages of clusters are written from the fleet's arrays; the
tests compare them with these structs.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.simulator.clusters import GPU_TYPES, REGIONS
from pipeline.simulator.lifecycles import STATUSES


def _described(**schema: object) -> msgspec.Meta:
    """Constraints for the document only; they are not checked when a value is written."""
    return msgspec.Meta(extra_json_schema=schema)


Text = Annotated[str, msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Time = Annotated[str, _described(format="date-time")]
Status = Annotated[str, _described(enum=list(STATUSES))]
GpuType = Annotated[str, _described(enum=list(GPU_TYPES))]
Region = Annotated[str, _described(enum=list(REGIONS))]


class _Closed(msgspec.Struct, forbid_unknown_fields=True):
    """An object with these fields and no others."""


class PortMapping(_Closed):
    """A forwarded port."""

    internal_port: int
    external_port: int
    protocol: str


class Ssh(_Closed):
    """Where to log in."""

    host: str
    port: int
    username: str


class Metrics(_Closed):
    """Utilization in percent; null if the agent reports none."""

    gpu_utilization: Percent | None
    memory_utilization: Percent | None
    cpu_utilization: Percent | None


class Cost(_Closed):
    """In units of the account's currency."""

    hourly_rate: Amount
    current_session_cost: Amount
    total_cost: Amount


class Cluster(_Closed):
    """One cluster."""

    id: Text
    name: Text
    description: str | None
    status: Status
    gpu_type: GpuType
    gpu_count: Count
    cpu_cores: Count
    memory_gb: Count
    storage_gb: Count
    region: Region
    project_id: str
    template_id: str
    ssh_enabled: bool
    port_mappings: list[PortMapping]
    proxy_url: str
    ssh_connection: Ssh | None
    metrics: Metrics | None
    cost: Cost
    created_at: Time
    updated_at: Time
    expires_at: Time | None


class Pagination(_Closed):
    """The position of a page in the list."""

    current_page: int
    total_pages: Count
    total_count: Count
    per_page: int
    has_next: bool
    has_previous: bool


class Data(_Closed):
    """One page."""

    clusters: list[Cluster]
    pagination: Pagination
    filters_applied: dict[str, str | int]


class Meta(_Closed):
    """About the response."""

    request_id: str
    response_time_ms: Count


class ClusterList(_Closed):
    """``GET /v1/clusters``."""

    success: bool
    data: Data
    meta: Meta


class FlatCluster(_Closed, rename="camel"):
    """One element of the array of ``GET /v2/clusters``."""

    id: Text
    name: Text
    status: Status
    gpu_type: GpuType
    container_disk_size: Count
    volume_size: Count
    created_at: Time


class _Camel(_Closed, rename="camel"):
    """An object with camelCase names."""


class BillingPeriod(_Camel):
    """A calendar month."""

    start_date: str
    end_date: str
    billing_cycle: str
    days_in_period: Count
    days_elapsed: Count


class BillingSummary(_Camel):
    """The sums of the period."""

    total_cost: Amount
    total_gpu_hours: Amount
    currency: str


class BilledUsage(_Camel):
    """Of one kind of resource in the period."""

    quantity: Amount
    unit: str
    cost: Amount
    percentage: Percent


class BilledDay(_Camel):
    """One day, or the present one so far."""

    timestamp: Time
    value: Amount
    cost: Amount


class BilledResource(_Camel):
    """One kind of resource, its days newest first."""

    resource_type: str
    usage: BilledUsage
    time_series: list[BilledDay]


class BillingUsage(_Camel):
    """``GET /v2/billing/usage``."""

    period: BillingPeriod
    summary: BillingSummary
    breakdown: list[BilledResource]


class InvalidParameters(_Closed):
    """Each invalid parameter with the reason."""

    code: str
    message: str
    details: dict[str, str]


class Invalid(_Closed):
    """400."""

    success: bool
    error: InvalidParameters


class Limit(_Closed):
    """The rate limit that is used up."""

    limit: int
    remaining: Count
    reset_at: Time
    retry_after: int


class Refused(_Closed, omit_defaults=True):
    """Every other error."""

    error: str
    message: str
    code: int
    details: Limit | None = None


SCHEMAS: dict[str, object] = {
    "BillingUsage": BillingUsage,
    "ClusterList": ClusterList,
    "FlatClusterList": list[FlatCluster],
    "Invalid": Invalid,
    "Refused": Refused,
}
