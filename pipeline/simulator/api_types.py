"""The answers as OpenAPI describes them: one struct per JSON object of the vendor's page."""

from __future__ import annotations

import msgspec


class Mapping(msgspec.Struct):
    """A forwarded port."""

    internal_port: int
    external_port: int
    protocol: str


class Ssh(msgspec.Struct):
    """Where to log in."""

    host: str
    port: int
    username: str


class Metrics(msgspec.Struct):
    """What runs now, in percent; null where the agent says nothing."""

    gpu_utilization: float | None
    memory_utilization: float | None
    cpu_utilization: float | None


class Cost(msgspec.Struct):
    """In units of the account's currency."""

    hourly_rate: float
    current_session_cost: float
    total_cost: float


class Cluster(msgspec.Struct):
    """One cluster."""

    id: str
    name: str
    description: str | None
    status: str
    gpu_type: str
    gpu_count: int
    cpu_cores: int
    memory_gb: int
    storage_gb: int
    region: str
    project_id: str
    template_id: str
    ssh_enabled: bool
    port_mappings: list[Mapping]
    proxy_url: str
    ssh_connection: Ssh | None
    metrics: Metrics | None
    cost: Cost
    created_at: str
    updated_at: str
    expires_at: str | None


class Pagination(msgspec.Struct):
    """Where in the list a page lies."""

    current_page: int
    total_pages: int
    total_count: int
    per_page: int
    has_next: bool
    has_previous: bool


class Data(msgspec.Struct):
    """One page."""

    clusters: list[Cluster]
    pagination: Pagination
    filters_applied: dict[str, str | int]


class Meta(msgspec.Struct):
    """About the answer."""

    request_id: str
    response_time_ms: int


class ClusterList(msgspec.Struct):
    """``GET /v1/clusters``."""

    success: bool
    data: Data
    meta: Meta


class FlatCluster(msgspec.Struct, rename="camel"):
    """One element of the array of ``GET /v2/clusters``."""

    id: str
    name: str
    status: str
    gpu_type: str
    container_disk_size: int
    volume_size: int
    created_at: str


class InvalidParameters(msgspec.Struct):
    """Each refused parameter with its reason."""

    code: str
    message: str
    details: dict[str, str]


class Invalid(msgspec.Struct):
    """400."""

    success: bool
    error: InvalidParameters


class Limit(msgspec.Struct):
    """The window that is used up."""

    limit: int
    remaining: int
    reset_at: str
    retry_after: int


class Refused(msgspec.Struct, omit_defaults=True):
    """401 and 429."""

    error: str
    message: str
    code: int
    details: Limit | None = None


SHAPES: dict[str, object] = {
    "ClusterList": ClusterList,
    "FlatClusterList": list[FlatCluster],
    "Invalid": Invalid,
    "Refused": Refused,
}


def openapi_schemas() -> tuple[dict[str, dict[str, object]], dict[str, dict[str, object]]]:
    """The schema of each of ``SHAPES``, and the components they refer to."""
    schemas, components = msgspec.json.schema_components(
        SHAPES.values(), ref_template="#/components/schemas/{name}"
    )
    return dict(zip(SHAPES, schemas, strict=True)), components
