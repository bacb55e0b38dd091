"""Ledger days: derived files, named by the digest of their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from pipeline.errors import StorageError
from pipeline.schema import DAY, LEDGER
from pipeline.store import layout, tables

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from pipeline.model import LedgerRef
    from pipeline.store.files import Files


def listing(
    files: Files, account: str | None, first: date | None, last: date | None
) -> list[LedgerRef]:
    """The stored days, by account and day: one listing, nothing is opened."""
    refs = (layout.parse_ledger(key) for key in _keys(files, account, first, last))
    return sorted(ref for ref in refs if ref is not None)


def final_listing(files: Files, account: str | None, first: date | None) -> list[LedgerRef]:
    """The records of final days, by account and day: one listing, nothing is opened."""
    refs = (layout.parse_final(key) for key in _keys(files, account, first, None))
    return sorted(ref for ref in refs if ref is not None)


def _keys(files: Files, account: str | None, first: date | None, last: date | None) -> list[str]:
    folder = layout.LEDGER
    if account is not None:
        folder += f"/account={layout.safe_name(account)}"
    return files.keys(folder, lambda name: layout.is_within(name, first, last))


def publish(files: Files, ref: LedgerRef, frame: pd.DataFrame) -> None:
    """Store a day and, once it is visible, remove the files it replaces.

    The name tells the inputs and the content follows from them, so writing over a file of the
    same name changes nothing, or heals it.
    """
    siblings = _keys(files, ref.account, ref.day, ref.day)
    if any(layout.parse_final(key) for key in siblings):
        raise StorageError(
            f"ledger day {ref.day} of account {ref.account} is final: its snapshots were thinned "
            "by prune, so it is never built again"
        )
    files.replace(ref.key, encode(ref, frame))
    for key in siblings:
        if layout.parse_ledger(key) and key != ref.key:
            files.delete(key)


def encode(ref: LedgerRef, frame: pd.DataFrame) -> bytes:
    """The bytes of a day; account and date are told by its path."""
    stored = frame.assign(account=ref.account, date=pd.Timestamp(ref.day))
    return tables.encode(
        LEDGER.from_pandas(stored), LEDGER, {"account": ref.account, "date": ref.day.isoformat()}
    )


def read(
    files: Files,
    refs: Sequence[LedgerRef],
    columns: Collection[str] | None,
    damaged: list[str] | None,
) -> pd.DataFrame:
    """The rows of ``refs`` as one frame.

    Args:
        files: Where they lie.
        refs: Which days.
        columns: Only these; ``account`` and ``date`` come from the path.
        damaged: If given, damaged files are skipped and said here instead of raised.
    """
    wanted = [n for n in LEDGER.names if columns is None or n in columns]
    added = [] if columns is None else sorted(set(columns) - set(LEDGER.names))

    good = tables.gather(
        refs, lambda ref: _read_day(files, ref, [*wanted, *added]), damaged=damaged
    )
    if not good:
        return LEDGER.empty()[wanted].assign(**dict.fromkeys(added))
    return LEDGER.to_pandas(tables.concat(good))


def still_damaged(files: Files, keys: Collection[str]) -> list[str]:
    """Those of the ledger ``keys`` that are there and are not what was written."""
    refs = [ref for key in keys if (ref := layout.parse_ledger(key)) is not None]
    present = [ref for ref in refs if ref in listing(files, ref.account, ref.day, ref.day)]
    damaged: list[str] = []
    read(files, present, ["cluster_id"], damaged)
    return damaged


def verify_notes(files: Files, ref: LedgerRef, notes: Mapping[str, str] | None = None) -> None:
    """That the file is the one its path says; read from its footer if ``notes`` are not given."""
    told = tables.read_notes(files, ref.key) if notes is None else notes
    if (told.get("account"), told.get("date")) != (ref.account, ref.day.isoformat()):
        raise tables.damage(files, ref.key, "it is another day's file")


def _read_day(files: Files, ref: LedgerRef, names: Sequence[str]) -> pa.Table:
    """One day's rows, with the columns its path tells."""
    inside = [name for name in names if name not in ("account", "date")]
    table, notes = tables.read(files, ref.key, LEDGER, inside or ["cluster_id"])
    verify_notes(files, ref, notes)
    told = {
        "account": tables.constant_code(ref.account, table.num_rows),
        "date": pa.repeat(pa.scalar(pd.Timestamp(ref.day), DAY), table.num_rows),
    }
    return pa.table({n: told[n] if n in told else table.column(n) for n in names})
