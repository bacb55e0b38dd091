"""Snapshots: an immutable file each, with its certificate in the footer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import msgspec
import pyarrow as pa

from pipeline.model import Certificate, Quarantined, Snapshot
from pipeline.schema import SNAPSHOT
from pipeline.store import layout, tables
from pipeline.store.damage import damaged
from pipeline.store.json_decoders import decoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.model import SnapshotRef
    from pipeline.store.files import Files

log = logging.getLogger(__name__)

T = TypeVar("T")

_QUARANTINE_BYTES = 256 * 1024
"""At most this much of the quarantined records is kept; the certificate counts them all."""
_RECORD_CHARACTERS = 4096


def publish(files: Files, snapshot: Snapshot) -> SnapshotRef:
    """Store ``snapshot``; :class:`~pipeline.errors.AlreadyStoredError` if its name is taken."""
    certificate = snapshot.certificate
    ref = layout.snapshot(certificate.account, certificate.started_at, certificate.state)
    notes = {
        "certificate": msgspec.json.encode(certificate).decode(),
        "quarantine": msgspec.json.encode(_clipped(snapshot.quarantine)).decode(),
    }
    files.put_new(ref.key, tables.encode(snapshot.table, SNAPSHOT, notes))
    log.info("published %s: %d rows", ref.key, snapshot.table.num_rows)
    return ref


def read(files: Files, ref: SnapshotRef, columns: Sequence[str] | None) -> Snapshot:
    """A stored snapshot, with only these of its columns if any are given."""
    table, notes = tables.read(files, ref.key, SNAPSHOT, columns)
    quarantine = _parse(files, ref, notes, "quarantine", tuple[Quarantined, ...])
    return Snapshot(certificate=_certificate(files, ref, notes), table=table, quarantine=quarantine)


def read_frame(
    files: Files,
    refs: Sequence[SnapshotRef],
    columns: Sequence[str] | None,
    skipped: list[str] | None,
) -> pd.DataFrame:
    """The rows of many snapshots as one frame, with the ``snapshot_state`` of each row's snapshot.

    Columns that the schema does not know are read from the files that have them. Given
    ``skipped``, damaged files are left out and their keys appended to it.
    """
    from pipeline.store import frames  # noqa: PLC0415 - an extract writes without pandas

    known = [n for n in SNAPSHOT.names if columns is None or n in columns]
    added = [] if columns is None else sorted(set(columns) - set(SNAPSHOT.names))
    stored = [n for n in (*known, *added) if n != "account"]

    def read_one(ref: SnapshotRef) -> pa.Table:
        table, _ = tables.read(files, ref.key, SNAPSHOT, stored or ["cluster_id"])
        account = tables.constant_code(ref.account, table.num_rows)
        state = tables.constant_code(ref.state.value, table.num_rows)
        columns = {n: account if n == "account" else table.column(n) for n in (*known, *added)}
        return pa.table({**columns, "snapshot_state": state})

    parts = tables.gather(refs, read_one, skipped=skipped)
    frame = frames.frame_of(SNAPSHOT, parts, len(refs))
    if frame is None:
        return SNAPSHOT.empty()[known].assign(**dict.fromkeys((*added, "snapshot_state")))
    return frame


def read_rows(
    files: Files, refs: Sequence[SnapshotRef], columns: Sequence[str], skipped: list[str] | None
) -> tuple[list[Certificate], list[pa.Table]]:
    """The certificate and the rows of each snapshot, sorted by cluster.

    Given ``skipped``, damaged files are left out and their keys appended to it.
    """
    certificates: dict[str, Certificate] = {}

    def read_one(ref: SnapshotRef) -> pa.Table:
        table, notes = tables.read(files, ref.key, SNAPSHOT, columns)
        certificates[ref.key] = _certificate(files, ref, notes)
        return tables.in_order(table, SNAPSHOT)

    rows = list(tables.gather(refs, read_one, skipped=skipped))
    return [certificates[ref.key] for ref in refs if ref.key not in (skipped or ())], rows


def certificate(files: Files, ref: SnapshotRef) -> Certificate:
    """The certificate of a stored snapshot; reads the footer only."""
    return _certificate(files, ref, tables.read_notes(files, ref.key))


def _certificate(files: Files, ref: SnapshotRef, notes: dict[str, str]) -> Certificate:
    parsed = _parse(files, ref, notes, "certificate", Certificate)
    if layout.snapshot(parsed.account, parsed.started_at, parsed.state) != ref:
        raise damaged(files, ref.key, "its certificate is another snapshot's")
    return parsed


def _parse(files: Files, ref: SnapshotRef, notes: dict[str, str], name: str, kind: type[T]) -> T:
    try:
        return decoder(kind).decode(notes[name])
    except (KeyError, msgspec.DecodeError) as error:
        raise damaged(files, ref.key, f"its {name} is not readable") from error


def _clipped(quarantine: Sequence[Quarantined]) -> list[Quarantined]:
    """As many records as fit, each with a limited length."""
    kept, size = [], 0
    for record in quarantine:
        clipped = Quarantined(reason=record.reason, raw=record.raw[:_RECORD_CHARACTERS])
        size += len(clipped.raw.encode()) + len(clipped.reason.encode())
        if size > _QUARANTINE_BYTES:
            break
        kept.append(clipped)
    return kept
