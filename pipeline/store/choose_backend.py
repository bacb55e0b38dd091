"""The choice of a place for files by its URI: a local folder or an object store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError
from pipeline.store.local import LocalFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.store.files import Files

_BUCKET = re.compile(
    r"(?![^/]*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](/[^\x00-\x1f\x7f]*)?"
)
"""A bucket and a prefix. With other texts the library for object stores panics."""


def choose_backend(uri: str, options: Mapping[str, str], lease_seconds: int) -> Files:
    """The files at ``uri``: a folder, or ``s3://bucket/prefix``.

    Args:
        uri: The value of ``--data-dir``.
        options: For object stores: ``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` and the like.
        lease_seconds: For object stores: how long the lock of a run that died is kept.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        try:
            return LocalFiles(Path(uri))
        except RuntimeError as error:  # "~unknown"
            raise SettingsError(
                f"data directory {uri[:200]!r}: no such home folder; give another path"
            ) from error
    if scheme == "s3" and _BUCKET.fullmatch(rest):
        from pipeline.store.objects import ObjectFiles  # noqa: PLC0415 - needs the extra s3

        return ObjectFiles(uri, options, lease_seconds)
    raise SettingsError(
        f"data directory {uri[:200]!r}: give a local path or s3://bucket/prefix, the bucket "
        "of 3 to 63 letters, digits, '.', '-', '_'"
    )
