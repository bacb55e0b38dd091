"""Who owns a cluster, by the patterns of the owners file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline import schema
from pipeline.errors import SettingsError
from pipeline.transform import spend
from pipeline.transform.findings.owners import (
    Owner,
    mail_of,
    owner_of,
    owner_over_time,
    parse_owners,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT


def test_the_first_owner_that_matches_is_the_owner(row: Make, ledger: Make) -> None:
    owners = parse_owners(
        {
            "owner": [
                {"match": "train-*", "owner": "vision", "mail": "v@example.com"},
                {"match": "p1", "owner": "research"},
            ]
        },
        "f",
    )
    rows = ledger(
        row("2026-03-01", name="train-7"),
        row("2026-03-01", cluster_id="c2", name=None),
        row("2026-03-01", cluster_id="c3", name="x", project_id="q"),
    )
    assert owner_of(owners, rows).tolist() == ["vision", "research", None]
    by_owner = spend.by(spend.spend_rows(rows).assign(owner=owner_of(owners, rows)), "owner")
    assert by_owner["spend_micros"].tolist() == [240 * UNIT] * 3
    assert mail_of((*owners, Owner(match="z", owner="vision", mail="z@example.com"))) == {
        "vision": "v@example.com"
    }


def test_a_cluster_has_its_last_days_owner_on_all_days(row: Make, ledger: Make) -> None:
    owners = parse_owners(
        {"owner": [{"match": "new-*", "owner": "b"}, {"match": "old-*", "owner": "a"}]}, "f"
    )
    rows = ledger(
        row("2026-03-02", name="new-name"),
        row("2026-03-01", name="old-name"),
        row("2026-03-01", cluster_id="c2", name="old-two"),
        row("2026-03-01", cluster_id="c3", name="third"),
    )
    assert owner_over_time(owners, rows).tolist() == ["b", "b", "a", None]
    assert owner_over_time((), rows).isna().all()
    assert owner_over_time(owners, rows.iloc[:0]).tolist() == []


def test_a_wrong_owners_file_is_refused_with_its_name() -> None:
    with pytest.raises(SettingsError, match=r"^f: "):
        parse_owners({"owner": [{"match": "x"}]}, "f")
