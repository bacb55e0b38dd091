"""The OpenAPI 3.1 document, generated from the parameters and structs that the API uses."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.simulator.api_types import SCHEMAS
from pipeline.simulator.billing import billing_parameters
from pipeline.simulator.query import openapi_parameters

Json = dict[str, Any]

_ABOUT = """\
A simulation of the List Clusters API with a synthetic fleet. Every response has the simulated time
in `Date` and the rate limit. Unknown parameters are ignored, repeated ones are errors. `HEAD` is
answered like `GET`; any other method is a 405 and any other path a 404, both as `Refused`."""

_ON_EVERY_RESPONSE = {
    "Date": ("The simulated time", {"type": "string"}),
    "X-RateLimit-Limit": ("Requests per window", {"type": "integer", "minimum": 1}),
    "X-RateLimit-Remaining": ("Requests left in it", {"type": "integer", "minimum": 0}),
    "X-RateLimit-Reset": ("When the next begins, Unix time", {"type": "integer"}),
    "X-RateLimit-Window": ("Its length in seconds", {"type": "integer", "minimum": 1}),
}
_ON_429 = {"Retry-After": ("Seconds to the next window", {"type": "integer", "minimum": 1})}


def document() -> Json:
    """The document at ``/openapi.json``."""
    schemas, components = msgspec.json.schema_components(
        SCHEMAS.values(), ref_template="#/components/schemas/{name}"
    )
    types = dict(zip(SCHEMAS, schemas, strict=True))
    refused = {
        "401": _response("Invalid or missing API key", types["Refused"]),
        "429": _response("Too many requests in the window", types["Refused"], _ON_429),
    }
    v1 = {
        "summary": "List clusters, filtered, sorted and by pages",
        "operationId": "list_v1",
        "parameters": openapi_parameters(),
        "responses": {
            "200": _response("One page", types["ClusterList"]),
            "400": _response("Invalid query parameters", types["Invalid"]),
            **refused,
        },
    }
    v2 = {
        "summary": "List clusters, all at once",
        "operationId": "list_v2",
        "responses": {
            "200": _response("Every cluster", types["FlatClusterList"]),
            **refused,
        },
    }
    billing = {
        "summary": "What the account was billed in the month to date",
        "operationId": "billing_usage",
        "parameters": billing_parameters(),
        "responses": {
            "200": _response("The month to date, day by day", types["BillingUsage"]),
            "400": _response("Invalid query parameters", types["Invalid"]),
            **refused,
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "List Clusters (simulated)", "version": "1", "description": _ABOUT},
        "security": [{"key": []}],
        "paths": {
            "/v1/clusters": {"get": v1},
            "/v2/clusters": {"get": v2},
            "/v2/billing/usage": {"get": billing},
        },
        "components": {"schemas": components, "securitySchemes": {"key": _KEY}},
    }


_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "`Bearer KEY`, or the key alone",
}


def _response(
    meaning: str, shape: Json, headers: dict[str, tuple[str, Json]] | None = None
) -> Json:
    shown = _ON_EVERY_RESPONSE | (headers or {})
    return {
        "description": meaning,
        "headers": {
            name: {"description": text, "required": True, "schema": schema}
            for name, (text, schema) in shown.items()
        },
        "content": {"application/json": {"schema": shape}},
    }
