"""Ledger days: derived files, named by the digest of their inputs."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import datetime, time
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import DamageError, StorageError
from pipeline.model import EVERY_ID, IdRange
from pipeline.schema import DAY, LEDGER, TEXT
from pipeline.store import layout, listings, tables
from pipeline.store.damage import damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pandas as pd

    from pipeline.model import LedgerRef
    from pipeline.store.files import Files

T = TypeVar("T")

GROUP_ROWS = 32_768
"""Rows of a row group: a reader of some clusters skips the others. Smaller groups decode slower."""


def publish(files: Files, ref: LedgerRef, data: bytes) -> None:
    """Store the file of a day and, once it is visible, remove the files it replaces.

    The name follows from the inputs and the content too, so writing over a file of the same name
    changes nothing, or repairs it.
    """
    siblings = files.keys(ref.key.rpartition("/")[0])
    if any(layout.parse_final(key) for key in siblings):
        raise StorageError(
            f"ledger day {ref.day} of account {ref.account} is final: its snapshots were thinned "
            "by prune, so it is never built again"
        )
    files.replace(ref.key, data)
    for key in siblings:
        if layout.parse_ledger(key) and key != ref.key:
            files.delete(key)


def encode(ref: LedgerRef, frame: pd.DataFrame) -> bytes:
    """The bytes of a day's file; the path holds account and date."""
    stored = frame.assign(account=ref.account, date=_midnight(ref).as_py())
    return encode_rows(ref, LEDGER.from_pandas(stored))


def encode_rows(ref: LedgerRef, rows: pa.Table) -> bytes:
    """The same, of a table."""
    notes = {"account": ref.account, "date": ref.day.isoformat()}
    return tables.encode(rows, LEDGER, notes, GROUP_ROWS)


def read(
    files: Files,
    refs: Sequence[LedgerRef],
    columns: Collection[str] | None,
    skipped: list[str] | None,
    ids: IdRange = EVERY_ID,
) -> pd.DataFrame:
    """The rows of ``refs`` as one frame.

    Args:
        files: Where they are stored.
        refs: Which days.
        columns: Only these; ``account`` and ``date`` come from the path.
        skipped: If given, damaged files are left out and their keys appended to it.
        ids: Only the rows of these clusters.
    """
    from pipeline.store import frames  # noqa: PLC0415 - days are built without pandas

    known = [n for n in LEDGER.names if columns is None or n in columns]
    added = [] if columns is None else sorted(set(columns) - set(LEDGER.names))
    parts = tables.gather(
        refs, lambda ref: _read_day(files, ref, [*known, *added], ids), skipped=skipped
    )
    frame = frames.frame_of(LEDGER, parts, len(refs))
    if frame is None:
        return LEDGER.empty()[known].assign(**dict.fromkeys(added))
    return frame


def still_damaged(files: Files, keys: Collection[str]) -> list[str]:
    """Those of the ledger ``keys`` that exist and are damaged."""
    refs = [ref for key in keys if (ref := layout.parse_ledger(key)) is not None]
    present = [
        ref for ref in refs if ref in listings.ledger_days(files, ref.account, ref.day, ref.day)
    ]
    damaged: list[str] = []
    read(files, present, ["cluster_id"], damaged)
    return damaged


def verify_notes(files: Files, ref: LedgerRef, notes: Mapping[str, str] | None = None) -> None:
    """Check that the file is the one its path names; ``notes`` are read unless given."""
    notes = tables.read_notes(files, ref.key) if notes is None else notes
    if (notes.get("account"), notes.get("date")) != (ref.account, ref.day.isoformat()):
        raise damaged(files, ref.key, "it is another day's file")


def id_ranges(files: Files, refs: Sequence[LedgerRef], rows: int) -> list[IdRange]:
    """Ranges of ids that together are all, of about ``rows`` rows of ``refs`` each.

    The newest readable day of each account says how many rows a day has, and where to divide.
    """
    sizes = _of_newest(refs, lambda ref: tables.read_totals(files, ref.key).rows)
    days = Counter(ref.account for ref in refs)
    expected = sum(size * days[account] for account, size in sizes.items())
    count = -(-expected // rows)
    if count < 2:  # noqa: PLR2004 - one range is everything
        return [EVERY_ID]
    columns = _of_newest(refs, lambda ref: _read_day(files, ref, ["cluster_id"]).column(0))
    ids = pa.chunked_array([chunk for each in columns.values() for chunk in each.chunks], TEXT)
    if not len(ids):  # the footers can be read, the rows of no day can
        return [EVERY_ID]
    ids = ids.take(pc.sort_indices(ids))
    at = sorted({ids[n * len(ids) // count].as_py() for n in range(1, count)})
    return [IdRange(*pair) for pair in zip(["", *at], [*at, None], strict=True)]


def _of_newest(refs: Sequence[LedgerRef], read_one: Callable[[LedgerRef], T]) -> dict[str, T]:
    """What ``read_one`` gives for the newest day of each account that is not damaged."""
    values: dict[str, T] = {}
    for ref in reversed(refs):  # by account and day
        if ref.account not in values:
            with suppress(DamageError):
                values[ref.account] = read_one(ref)
    return values


def _read_day(
    files: Files, ref: LedgerRef, names: Sequence[str], ids: IdRange = EVERY_ID
) -> pa.Table:
    """The rows of a day, with the columns that are in its path."""
    stored = [name for name in names if name not in ("account", "date")]
    table, notes = tables.read(files, ref.key, LEDGER, stored or ["cluster_id"], ids)
    verify_notes(files, ref, notes)
    from_path = {
        "account": tables.constant_code(ref.account, table.num_rows),
        "date": pa.repeat(_midnight(ref), table.num_rows),
    }
    return pa.table({n: from_path[n] if n in from_path else table.column(n) for n in names})


def _midnight(ref: LedgerRef) -> pa.TimestampScalar:
    return pa.scalar(datetime.combine(ref.day, time()), DAY)
