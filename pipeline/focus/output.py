"""FOCUS rows as a file, written table by table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Literal

import pyarrow.parquet as pq

from pipeline.focus import csv_lines
from pipeline.focus.columns import Version, table_of
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa


@contextmanager
def writer(
    file: BinaryIO, kind: Literal["parquet", "csv"], version: Version
) -> Iterator[Callable[[pa.Table], object]]:
    """A function that writes tables of ``version`` to ``file``, which is complete after the block.

    The footer of a Parquet file names the version and what made it.
    """
    schema = table_of(version).arrow
    if kind == "csv":
        file.write(csv_lines.header(schema))
        yield lambda table: file.write(csv_lines.lines(table))
        return
    with pq.ParquetWriter(file, schema, compression="zstd") as parquet:
        parquet.add_key_value_metadata(
            {"FocusVersion": version, "DataGenerator": f"FleetLedger {__version__}"}
        )
        yield parquet.write_table
