"""A bucket on a real S3 wire."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING

import requests
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = count()


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The ``AWS_…`` variables of a server that answers one request after the other.

    In threads of its own, moto checks ``If-Match`` and writes in two steps; S3 does it in one.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, request_handler=MotoRequestHandler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "a-key",
            "AWS_SECRET_ACCESS_KEY": "a-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def new_bucket(options: dict[str, str]) -> str:
    """The URI of a prefix in a new bucket."""
    bucket = f"leases-{next(_NUMBERS)}"
    assert requests.put(f"{options['AWS_ENDPOINT_URL']}/{bucket}", timeout=10).ok
    return f"s3://{bucket}/some/prefix"
