"""FleetLedger: where each dollar of a rented GPU fleet went, and how much of it was wasted.

In a notebook::

    import pipeline as fl
    store = fl.open_store("data")
    store.spend("project_id")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.notebook import OpenStore

__all__ = ["__version__", "open_store"]


def open_store(uri: str = "data", options: Mapping[str, str] | None = None) -> OpenStore:
    """The data directory ``uri`` as plain DataFrames.

    Args:
        uri: A folder, or ``s3://bucket/prefix``.
        options: For an object store: ``AWS_ENDPOINT_URL`` and the like.
    """
    from pipeline.notebook import OpenStore  # noqa: PLC0415 - importing pipeline stays cheap

    return OpenStore(uri, options)
