"""Files in an object store: ``s3://bucket/prefix``.

One PUT of the complete bytes publishes a file; ``If-None-Match: *`` makes it fail if the name is
taken, so only one of two writers of a new file succeeds. A lock is a lease
(:mod:`pipeline.store.lease`).
"""

from __future__ import annotations

import logging
import re
import secrets
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from pipeline.errors import AlreadyStoredError, SettingsError, StorageError, install_extra
from pipeline.store import layout
from pipeline.store.files import every_folder
from pipeline.store.layout import SUMS
from pipeline.store.lease import Lease, Version

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
    from obstore.store import S3Store
except ImportError as error:
    raise SettingsError(f"data directories in s3:// need obstore; {install_extra('s3')}") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from obstore import PutMode
    from obstore.store import S3Config

log = logging.getLogger(__name__)

OPTIONS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""The variables of AWS's own tools that are passed on."""

_RETRY_SECONDS = 30
_WRITER = "fleetledger-writer"
"""An attribute that distinguishes our own PUT, which is sent again if its response is lost, from
another writer's."""


class ObjectFiles:
    """:class:`~pipeline.store.files.Files` below a prefix of a bucket."""

    def __init__(self, uri: str, options: Mapping[str, str], lease_seconds: int) -> None:
        self.place = uri.rstrip("/")
        self._lease_seconds = lease_seconds
        self._leases: list[Lease] = []
        bucket, _, prefix = self.place.removeprefix("s3://").partition("/")
        config = {name: options[name] for name in OPTIONS if options.get(name)}
        specific = config.pop("AWS_ENDPOINT_URL_S3", None)
        if specific:
            config["AWS_ENDPOINT_URL"] = specific
        with self._as_storage_error("opening", ""):
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                config=cast("S3Config", config),
                client_options={
                    "allow_http": config.get("AWS_ENDPOINT_URL", "").startswith("http://"),
                    "connect_timeout": timedelta(seconds=10),
                    "timeout": timedelta(minutes=5),
                },
                retry_config={
                    "max_retries": 5,
                    "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
                },
            )

    def keys(self, prefix: str, wanted: Callable[[str], bool] = every_folder) -> list[str]:
        """The keys below the folder ``prefix``, sorted."""
        with self._as_storage_error("listing", prefix):
            keys = [entry["path"] for page in obstore.list(self._store, prefix) for entry in page]
        return sorted(
            key
            for key in keys
            if all(map(wanted, key.removeprefix(prefix).strip("/").split("/")[:-1]))
        )

    def sizes(self, prefix: str) -> dict[str, int]:
        """The bytes of every key below the folder ``prefix``."""
        with self._as_storage_error("listing", prefix):
            pages = obstore.list(self._store, prefix)
            return {entry["path"]: entry["size"] for page in pages for entry in page}

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly in the folder ``prefix``."""
        with self._as_storage_error("listing", prefix):
            prefixes = obstore.list_with_delimiter(self._store, prefix)["common_prefixes"]
        return sorted(path.rpartition("/")[2] for path in prefixes)

    def read(self, key: str) -> bytes:
        """The content of ``key``."""
        with self._as_storage_error("reading", key):
            data = bytes(obstore.get(self._store, key).bytes())
        log.debug("read %s: %d bytes", key, len(data))
        return data

    def path(self, key: str) -> Path | None:  # noqa: ARG002 - the interface has it
        """None: an object has no local path."""
        return None

    def put_new(self, key: str, data: bytes) -> None:
        """Publish under a free name."""
        writer = secrets.token_hex(16)
        with self._as_storage_error("writing", key):
            try:
                obstore.put(
                    self._store,
                    key,
                    data,
                    mode="create",
                    use_multipart=False,
                    attributes={_WRITER: writer},
                )
            except AlreadyExistsError as error:
                if obstore.get(self._store, key).attributes.get(_WRITER) != writer:
                    raise AlreadyStoredError(
                        f"writing {self.url(key)}: another run has stored it first; "
                        "nothing was overwritten"
                    ) from error
        log.debug("wrote %s: %d bytes, new", key, len(data))

    def replace(self, key: str, data: bytes) -> None:
        """Publish in place of an earlier file."""
        with self._as_storage_error("writing", key):
            obstore.put(self._store, key, data, use_multipart=False)
        log.debug("wrote %s: %d bytes", key, len(data))

    def put_folder(self, key: str, files: Mapping[str, bytes]) -> None:
        """Publish the files, their sums last, then remove files that are no longer among them.

        No object store changes many names in one step: a reader in between sees files that do
        not match their sums, and reports damage.
        """
        for name in sorted(files, key=lambda name: (name == SUMS, name)):
            self.replace(f"{key}/{name}", files[name])
        for stored in self.keys(key):
            if stored.removeprefix(f"{key}/") not in files:
                self.delete(stored)

    def set_pointer(self, key: str, target: str) -> None:
        """A small object that contains the target."""
        self.replace(key, target.encode() + b"\n")

    def read_pointer(self, key: str) -> str | None:
        """The content of the small object."""
        with self._as_storage_error("reading", key):
            try:
                data = bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError:
                return None
        return data.decode("utf-8", "replace").removesuffix("\n")

    def delete(self, key: str) -> None:
        """Remove ``key``."""
        with self._as_storage_error("removing", key):
            obstore.delete(self._store, key)
        log.debug("removed %s", key)

    def sweep(self) -> int:
        """0: a PUT that was interrupted leaves nothing behind."""
        return 0

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """A lease: renewed while the block runs, free again when a dead run's lease expires."""
        lease = Lease(self, layout.lock(name), self._lease_seconds)
        self._leases.append(lease)
        try:
            with lease.renewed():
                yield
        finally:
            self._leases.remove(lease)
            lease.release()

    def confirm_locks(self) -> None:
        """Renew the leases that are held; LockedError if one was lost in the meantime."""
        for lease in self._leases:
            lease.renew()

    def version(self, key: str) -> Version | None:
        """The object as it is now; None if there is none."""
        with self._as_storage_error("reading", key):
            try:
                response = obstore.get(self._store, key)
            except FileNotFoundError:
                return None
            meta = response.meta
            return Version(bytes(response.bytes()), meta["e_tag"] or "", meta["last_modified"])

    def put_if(self, key: str, data: bytes, e_tag: str | None) -> str | None:
        """Write the object if its ETag is still ``e_tag`` (None: if there is none); the new ETag,
        or None if it is another object now. No two calls may write the same ``data``.
        """
        # The library's type asks for a version too, but takes none.
        mode = cast("PutMode", "create" if e_tag is None else {"e_tag": e_tag})
        with self._as_storage_error("writing", key):
            try:
                put = obstore.put(self._store, key, data, mode=mode, use_multipart=False)
            except FileNotFoundError:
                if e_tag is None:  # not the object: the bucket
                    raise
                return None
            except (AlreadyExistsError, PreconditionError):
                current = self.version(key)
                # Ours, if a response was lost and the library sent the request again.
                return current.e_tag if current and current.data == data else None
            return put["e_tag"]

    def time(self) -> datetime:
        """The time by the service's clock: the time at which it wrote an object just now."""
        self.replace(layout.CLOCK, b"")
        with self._as_storage_error("reading", layout.CLOCK):
            return obstore.head(self._store, layout.CLOCK)["last_modified"]

    def url(self, key: str) -> str:
        """The object's URI."""
        return f"{self.place}/{key}"

    @contextmanager
    def _as_storage_error(self, action: str, key: str) -> Iterator[None]:
        """Turn the library's errors into a :class:`StorageError`."""
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            reason = _reason(str(error)) or type(error).__name__
            raise StorageError(
                f"{action} {self.url(key)}: {reason}; check the bucket, the AWS_... variables and "
                "the network, then run again"
            ) from error


def _reason(text: str) -> str:
    """The service's ``<Code>`` and ``<Message>``, else the first line of the library's message.

    The library's debugging output and the service's request ids are of no use to a user.
    """
    matches = [re.search(rf"<{name}>([^<]+)</{name}>", text) for name in ("Code", "Message")]
    if parts := [match[1] for match in matches if match]:
        return ": ".join(parts)[:300]
    return text.partition("\n")[0].partition("<?xml")[0].strip(" :")[:300]
