"""Finds the data directory from wherever a notebook runs."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import StorageError
from pipeline.store import Store


def data_folder(uri: str, start: Path | None = None) -> str:
    """``uri``, or where it is: a relative folder is searched upwards from ``start``.

    Args:
        uri: A folder, or ``s3://bucket/prefix``, which is taken as it is.
        start: The folder to begin in; by default the current one.

    Raises:
        StorageError: none of the folders holds anything; the message names them.
    """
    if "://" in uri or Path(uri).is_absolute():
        return uri
    here = (start or Path.cwd()).absolute()
    if start is None and not Store(uri).is_empty():
        return uri
    tried = [str(folder / uri) for folder in (here, *here.parents)]
    for path in tried:
        if not Store(path).is_empty():
            return path
    raise StorageError(
        f"{uri}: no data there or above; tried {', '.join(tried)}; "
        f"{_others(tried)}give another folder, or run `fleetledger extract`"
    )


def _others(tried: list[str]) -> str:
    """The data directories inside of those that were tried, such as data/demo."""
    inside = [
        str(folder)
        for path in tried
        if Path(path).is_dir()
        for folder in sorted(Path(path).iterdir())
        if folder.is_dir() and not Store(str(folder)).is_empty()
    ]
    return f"there is data in {', '.join(inside)}; " if inside else ""
