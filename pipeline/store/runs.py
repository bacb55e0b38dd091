"""The records of runs, and small state that one run keeps for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from pipeline.errors import AlreadyStoredError
from pipeline.model import RunRecord
from pipeline.store import layout, self_hash
from pipeline.store.damage import WRONG_BYTES, damaged
from pipeline.store.json_decoders import decoder

if TYPE_CHECKING:
    from pipeline.store.files import Files

T = TypeVar("T")

_MAX_PER_SECOND = 1000


def record(files: Files, run: RunRecord) -> str:
    """Store the record of a run; its key."""
    data = encode_json(run)
    for number in range(_MAX_PER_SECOND):
        key = layout.run(run.command, run.started_at, number)
        try:
            files.put_new(key, data)
        except AlreadyStoredError:
            continue
        return key
    raise AlreadyStoredError(f"more than {_MAX_PER_SECOND} runs of {run.command} in one second")


def newest(files: Files, limit: int) -> list[RunRecord]:
    """The last ``limit`` runs, newest first; their names sort by time."""
    keys = [key for key in files.keys(layout.RUNS) if layout.is_run(key)]
    return [read(files, key) for key in reversed(keys[-limit:])]


def read(files: Files, key: str) -> RunRecord:
    """The record of one run."""
    return decode_json(files, key, RunRecord)


def put_state(files: Files, name: str, data: bytes) -> None:
    """Keep ``data`` under ``name``."""
    files.replace(layout.state(name), self_hash.sealed_text(data))


def get_state(files: Files, name: str) -> bytes | None:
    """The data that was last kept under ``name``; None if there is none."""
    key = layout.state(name)
    if key not in files.keys(layout.STATE):
        return None
    data = self_hash.unsealed_text(files.read(key))
    if data is None:
        raise damaged(files, key, WRONG_BYTES)
    return data


def read_state(files: Files, name: str, kind: type[T]) -> T | None:
    """The value that was last kept under ``name`` as JSON; DamageError if it is not a ``kind``."""
    data = get_state(files, name)
    try:
        return msgspec.json.decode(data, type=kind) if data else None
    except msgspec.DecodeError as error:
        raise damaged(files, layout.state(name), f"it cannot be read: {error}") from error


class _Sealed(msgspec.Struct, Generic[T], frozen=True):
    record: T
    seal: str = self_hash.BLANK


def encode_json(value: msgspec.Struct) -> bytes:
    """``value`` as sealed JSON, readable for people and programs."""
    text = msgspec.json.format(msgspec.json.encode(_Sealed(value)), indent=1) + b"\n"
    return self_hash.seal(text)


def decode_json(files: Files, key: str, kind: type[T]) -> T:
    """The value stored as sealed JSON under ``key``."""
    data = files.read(key)
    if not self_hash.is_intact(data):
        raise damaged(files, key, WRONG_BYTES)
    try:
        return decoder(_Sealed[kind]).decode(data).record  # type: ignore[valid-type]
    except msgspec.DecodeError as error:
        raise damaged(files, key, str(error).splitlines()[0]) from error
