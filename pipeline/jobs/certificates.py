"""The certificates of many snapshots, without opening each file every night.

Method: those that a report used are kept in ``state/certificates`` by the names of their snapshots.
A snapshot is written once and never changed, so its certificate is the same as long as its name is
listed; ``check`` finds a file that was changed. Only certificates that are not kept yet are read
from their files, and without the state all of them are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError
from pipeline.model import Certificate  # noqa: TC001 - msgspec reads the annotations
from pipeline.schema_versions import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import SnapshotRef
    from pipeline.store import Store

STATE = "certificates"


class _Kept(msgspec.Struct, frozen=True):
    version: int
    """Of the schema: another version reads the files again."""
    certificates: dict[str, Certificate]
    """By the key of each snapshot."""


def read(
    store: Store, refs: Sequence[SnapshotRef], damaged: list[str], *, is_kept: bool
) -> tuple[Certificate, ...]:
    """The certificates of ``refs`` that can be read; the keys of the others go to ``damaged``.

    ``is_kept``: keep them for the next report, in place of those of the last one.
    """
    before = _kept(store)
    known: dict[str, Certificate] = {}
    for ref in refs:
        try:
            known[ref.key] = before.get(ref.key) or store.certificate(ref)
        except DamageError:
            damaged.append(ref.key)
    if is_kept and known != before:
        store.put_state(STATE, msgspec.json.encode(_Kept(SCHEMA_VERSION, known)))
    return tuple(known.values())


def _kept(store: Store) -> dict[str, Certificate]:
    try:
        kept = store.read_state(STATE, _Kept)
    except DamageError:
        return {}
    return kept.certificates if kept and kept.version == SCHEMA_VERSION else {}
