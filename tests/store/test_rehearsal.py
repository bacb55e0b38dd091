"""A rehearsal does what a run does, in a folder and in a bucket, and stores nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from pipeline.errors import DamageError, LockedError, StorageError
from pipeline.store import Store, runs
from tests import bucket

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_and_a_bucket_can_be_rehearsed(tmp_path: Path) -> None:
    with bucket.served() as options:
        for store in (Store(str(tmp_path)), Store(bucket.new_bucket(options), options)):
            store.rehearse()
            assert store.files.keys("state") == []
            assert store.is_empty()
            with store.lock("doctor"), pytest.raises(LockedError):
                store.rehearse()
        with pytest.raises(StorageError):
            Store("s3://no-such-bucket/x", options).rehearse()


def test_what_is_read_must_be_what_was_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with (
        patch.object(runs, "get_state", lambda *_: b"something else"),
        pytest.raises(DamageError, match="check the disk"),
    ):
        store.rehearse()
