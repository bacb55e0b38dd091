"""The API is what its OpenAPI document says: schemathesis reads the document and tries to differ.

It makes a bounded number of requests, valid and invalid, the same ones each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
import schemathesis

from pipeline.simulator.openapi import document
from pipeline.simulator.query import openapi_parameters

if TYPE_CHECKING:
    from tests.simulator.conftest import Api

GENERATION = {
    "max-examples": 150,
    "deterministic": True,
    "database": "none",
    # Parameters the API does not know are ignored, as the document says.
    "allow-extra-parameters": False,
    # A made-up key would be refused before the parameters are read; its own check asks without one.
    "with-security-parameters": False,
}
SCHEMA = schemathesis.openapi.from_dict(
    document(), config=schemathesis.Config.from_dict({"generation": GENERATION})
)


@SCHEMA.parametrize()
def test_every_response_is_described_by_the_document(case: schemathesis.Case, api: Api) -> None:
    """All of schemathesis' checks.

    No 5xx; status, content type, headers and body as described; valid requests accepted, invalid
    ones and those without a key refused; other methods a 405 with ``Allow``.
    """
    headers = {"Authorization": "Bearer demo-key"}
    response = case.call_and_validate(base_url=api.url, headers=headers)
    assert response.status_code != 401  # the parameters were read


def test_the_document_is_served_without_a_key(api: Api) -> None:
    assert requests.get(f"{api.url}/openapi.json", timeout=10).json() == document()


def test_the_document_has_the_listed_values_and_the_filter_values(api: Api) -> None:
    listed = document()["components"]["schemas"]["Cluster"]["properties"]
    asked = {parameter["name"]: parameter["schema"] for parameter in openapi_parameters()}
    assert len(asked) == 14
    for name, unasked in (("gpu_type", "L40S"), ("region", "eu-central-1")):
        assert set(api.truth()[name]) == set(listed[name]["enum"])
        assert set(listed[name]["enum"]) - set(asked[name]["enum"]) == {unasked}
