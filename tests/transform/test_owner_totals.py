from __future__ import annotations

import pandas as pd

from pipeline.transform.owner_totals import with_owner


def test_rows_get_the_owner_of_their_cluster_in_their_account_or_none() -> None:
    owned = pd.DataFrame(
        {
            "account": ["a", "a", "b"],
            "cluster_id": ["x", "x", "x"],
            "owner": ["Ana", "Ana", "Ben"],
        }
    )
    rows = pd.DataFrame({"account": ["b", "a", "a"], "cluster_id": ["x", "x", "y"]})
    owners = with_owner(rows, owned)["owner"]
    assert list(owners[:2]) == ["Ben", "Ana"]
    assert pd.isna(owners[2])
