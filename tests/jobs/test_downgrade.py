"""A store that a newer version has used is not derived from by an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.errors import StorageError
from pipeline.jobs.downgrade import Versions, refuse_downgrade
from pipeline.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data"))


def test_a_new_store_and_an_upgrade_are_accepted(store: Store) -> None:
    refuse_downgrade(store, Versions("1.0", 2, 4))
    refuse_downgrade(store, Versions("2.0", 3, 4))
    assert store.read_state("versions", Versions) == Versions("2.0", 3, 4)


@pytest.mark.parametrize("tables", [(2, 4), (3, 3), (9, 3)])
def test_a_downgrade_is_refused_with_the_remedy(store: Store, tables: tuple[int, int]) -> None:
    refuse_downgrade(store, Versions("2.0", 3, 4))
    with pytest.raises(StorageError, match=r"fleetledger 2\.0 .* restore a backup"):
        refuse_downgrade(store, Versions("1.0", *tables))
    assert store.read_state("versions", Versions) == Versions("2.0", 3, 4)


def test_an_older_program_with_the_same_tables_is_accepted(store: Store) -> None:
    refuse_downgrade(store, Versions("2.1", 3, 4))
    refuse_downgrade(store, Versions("2.0", 3, 4))
