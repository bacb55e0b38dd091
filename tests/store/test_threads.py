"""Files that threads read at once, as ``check`` does."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.store import runs
from pipeline.store.local import LocalFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THREADS = 8


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching")
def test_the_first_reads_of_a_kind_may_be_at_once(tmp_path: Path) -> None:
    # msgspec crashes the process if several threads prepare a type at once.
    files = LocalFiles(tmp_path)
    first = msgspec.defstruct("First", [("x", int)], frozen=True)
    (tmp_path / "a.json").write_bytes(runs.encode_json(first(1)))
    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(100):
            fields = [("x", int), ("y", list[dict[str, int]] | None, None)]
            kind = msgspec.defstruct(f"Kind{number}", fields, frozen=True)
            ready = Barrier(THREADS)

            def read(_: int, kind: type = kind, ready: Barrier = ready) -> object:
                ready.wait()
                return runs.decode_json(files, "a.json", kind)

            assert {value.x for value in pool.map(read, range(THREADS))} == {1}
