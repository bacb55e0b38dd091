"""Snapshots: one immutable file per look, with its certificate in the footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import pyarrow as pa

from pipeline.model import Certificate, Quarantined, Snapshot
from pipeline.schema import SNAPSHOT
from pipeline.store import layout, tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

    from pipeline.model import SnapshotRef
    from pipeline.store.files import Files

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
        "quarantine": msgspec.json.encode(_capped(snapshot.quarantine)).decode(),
    }
    files.put_new(ref.key, tables.encode(snapshot.table, SNAPSHOT, notes))
    return ref


def listing(
    files: Files, account: str | None, first: date | None, last: date | None
) -> list[SnapshotRef]:
    """The stored snapshots, by account and time: one listing, nothing is opened."""
    folder = layout.SNAPSHOTS
    if account is not None:
        folder += f"/account={layout.safe_name(account)}"
    keys = files.keys(folder, lambda name: layout.is_within(name, first, last))
    refs = (layout.parse_snapshot(key) for key in keys)
    return sorted(ref for ref in refs if ref is not None)


def read(files: Files, ref: SnapshotRef, columns: Sequence[str] | None) -> Snapshot:
    """A stored snapshot, or those of its columns that are asked for."""
    table, notes = tables.read(files, ref.key, SNAPSHOT, columns)
    quarantine = _parse(files, ref, notes, "quarantine", tuple[Quarantined, ...])
    return Snapshot(certificate=_certificate(files, ref, notes), table=table, quarantine=quarantine)


def read_frame(
    files: Files,
    refs: Sequence[SnapshotRef],
    columns: Sequence[str] | None,
    damaged: list[str] | None,
) -> pd.DataFrame:
    """The rows of many snapshots as one frame, with the state of the look each row is from."""
    wanted = [n for n in SNAPSHOT.names if columns is None or n in columns]
    added = [] if columns is None else sorted(set(columns) - set(SNAPSHOT.names))
    inside = [n for n in (*wanted, *added) if n != "account"]

    def one(ref: SnapshotRef) -> pa.Table:
        table, _ = tables.read(files, ref.key, SNAPSHOT, inside or ["cluster_id"])
        told = tables.constant_code(ref.account, table.num_rows)
        look = tables.constant_code(ref.state.value, table.num_rows)
        columns = {n: told if n == "account" else table.column(n) for n in (*wanted, *added)}
        return pa.table({**columns, "snapshot_state": look})

    good = tables.gather(refs, one, damaged=damaged)
    if not good:
        return SNAPSHOT.empty()[wanted].assign(**dict.fromkeys((*added, "snapshot_state")))
    return SNAPSHOT.to_pandas(tables.concat(good))


def read_rows(
    files: Files, refs: Sequence[SnapshotRef], columns: Sequence[str], damaged: list[str]
) -> tuple[list[Certificate], list[int], pd.DataFrame]:
    """The sound ones of ``refs``: what each proved, how many rows it has, and all rows as one
    frame, look by look. One frame costs a third of one each.
    """
    proofs: dict[str, Certificate] = {}

    def one(ref: SnapshotRef) -> pa.Table:
        table, notes = tables.read(files, ref.key, SNAPSHOT, columns)
        proofs[ref.key] = _certificate(files, ref, notes)
        return table

    good = tables.gather(refs, one, damaged=damaged)
    certificates = [proofs[ref.key] for ref in refs if ref.key not in damaged]
    if not good:
        return [], [], SNAPSHOT.empty()[list(columns)]
    rows = [table.num_rows for table in good]
    return certificates, rows, SNAPSHOT.to_pandas(tables.concat(good))


def certificate(files: Files, ref: SnapshotRef) -> Certificate:
    """What a stored snapshot's extraction proved; reads the footer only."""
    return _certificate(files, ref, tables.read_notes(files, ref.key))


def _certificate(files: Files, ref: SnapshotRef, notes: dict[str, str]) -> Certificate:
    parsed = _parse(files, ref, notes, "certificate", Certificate)
    if layout.snapshot(parsed.account, parsed.started_at, parsed.state) != ref:
        raise tables.damage(files, ref.key, "its certificate is another snapshot's")
    return parsed


def _parse(files: Files, ref: SnapshotRef, notes: dict[str, str], name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(notes[name], type=kind)
    except (KeyError, msgspec.DecodeError) as error:
        raise tables.damage(files, ref.key, f"its {name} is not readable") from error


def _capped(quarantine: Sequence[Quarantined]) -> list[Quarantined]:
    """As many records as fit; long ones are cut."""
    kept, size = [], 0
    for record in quarantine:
        clipped = Quarantined(reason=record.reason, raw=record.raw[:_RECORD_CHARACTERS])
        size += len(clipped.raw.encode()) + len(clipped.reason.encode())
        if size > _QUARANTINE_BYTES:
            break
        kept.append(clipped)
    return kept
