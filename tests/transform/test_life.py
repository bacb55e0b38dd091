"""The life of a finding, from one day's findings to the next."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import schema
from pipeline.settings import Rules
from pipeline.transform import findings, life
from pipeline.transform.exclusions import Exclusion
from pipeline.transform.findings import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
DAY = 240 * UNIT
"""What the cluster of these tests costs a day."""


def told(
    ledger: pd.DataFrame,
    first: str,
    last: str,
    rule: str = "idle",
    **policy: Any,  # noqa: ANN401
) -> dict[str, dict[str, Any]]:
    """The life columns of c1's finding on each day."""
    given = Policy(**({"rules": Rules()} | policy))
    days = findings.history(ledger, given, date.fromisoformat(first), date.fromisoformat(last))
    out = {}
    for day, frame in days:
        row = frame[(frame["rule_id"] == rule) & (frame["cluster_id"] == "c1")].iloc[0]
        out[day.isoformat()[5:]] = {str(k): v for k, v in row.to_dict().items()}
    return out


def states(rows: dict[str, dict[str, Any]]) -> list[str]:
    return [str(row["state"]) if pd.notna(row["state"]) else "-" for row in rows.values()]


def test_a_finding_is_new_once_and_then_open_and_waiting_costs_what_acting_would_spare(
    days: Make, ledger: Make
) -> None:
    got = told(ledger(*days("2026-03-01", 5)), "2026-03-01", "2026-03-05")
    assert states(got) == ["-", "new", "open", "open", "open"]
    assert got["03-05"]["found_on"] == pd.Timestamp("2026-03-02")
    # Promised on the 2nd to the 4th: what it had cost so far, for 30 days.
    waited = sum(n * DAY // 30 for n in (2, 3, 4))
    assert got["03-05"]["waiting_cost_micros"] == waited
    assert got["03-02"]["waiting_cost_micros"] == 0


def test_a_terminated_cluster_saves_what_it_used_to_cost(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 4, cluster_id="other"))
    got = told(rows, "2026-03-01", "2026-03-09")
    assert states(got)[4:] == ["open", "gone", "gone", "gone", "gone"]
    last = got["03-09"]
    assert (last["gone_reason"], last["gone_on"]) == ("terminated", pd.Timestamp("2026-03-06"))
    assert last["promised_micros"] == 5 * DAY
    assert last["realised_micros"] == 3 * (5 * DAY // 30)


def test_a_stopped_cluster_pays_its_storage_out_of_what_is_realised(
    days: Make, ledger: Make
) -> None:
    stopped = {"status": "stopped", "hours": 0, "spend_micros": UNIT}
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 3, **stopped))
    got = told(rows, "2026-03-05", "2026-03-08")
    assert states(got) == ["new", "gone", "gone", "gone"]
    assert got["03-08"]["gone_reason"] == "stopped"
    assert got["03-08"]["realised_micros"] == 2 * (5 * DAY // 30 - UNIT)


def test_work_resumes_the_finding_is_gone_and_no_saving_is_claimed(
    days: Make, ledger: Make
) -> None:
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 5, gpu=95.0))
    got = told(rows, "2026-03-05", "2026-03-10")
    assert states(got)[:3] == ["new", "gone", "gone"]
    assert got["03-10"]["gone_reason"] == "resumed work"
    assert got["03-10"]["realised_micros"] == 0


def test_waste_that_returns_reopens_the_finding(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 5),
        *days("2026-03-06", 2, status="stopped", hours=0, spend_micros=0),
        *days("2026-03-08", 2),
    )
    got = told(rows, "2026-03-05", "2026-03-09")
    assert states(got) == ["new", "gone", "gone", "reopened", "open"]
    assert got["03-09"]["found_on"] == pd.Timestamp("2026-03-05")
    assert pd.isna(got["03-09"]["gone_on"])
    assert pd.isna(got["03-09"]["gone_reason"])


def test_what_cannot_be_judged_is_not_gone(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 4), *days("2026-03-05", 3, cpu=None, memory=None, gpu=None))
    got = told(rows, "2026-03-04", "2026-03-07", rules=Rules(idle_window_days=3))
    assert states(got) == ["new", "open", "open", "unjudged"]
    assert got["03-07"]["found_on"] == pd.Timestamp("2026-03-04")


def test_an_exclusion_silences_until_it_expires(days: Make, ledger: Make) -> None:
    standby = Exclusion(match="train-*", owner="ops", reason="standby", expires=date(2026, 3, 4))
    got = told(ledger(*days("2026-03-01", 6)), "2026-03-03", "2026-03-06", exclusions=(standby,))
    assert states(got) == ["excluded", "excluded", "reopened", "open"]
    assert got["03-04"]["exclusion"] == "train-*: standby (ops, until 2026-03-04)"
    assert got["03-04"]["counted_saving_micros"] == 0
    assert got["03-05"]["counted_saving_micros"] > 0


def test_a_new_version_of_a_rule_is_the_reason_when_it_clears(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 6))
    before = findings.judge(rows, Rules(), date(2026, 3, 5)).assign(rule_version=0)
    strict = Rules(idle_max_cpu_mean_pct=0.5)
    after = findings.judge(rows, strict, date(2026, 3, 6), previous=before)
    gone = after[after["state"] == "gone"]
    assert set(gone["gone_reason"]) == {"rule changed"}


def test_a_chain_of_days_rebuilt_is_equal_to_one_made_day_by_day(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 12),
        *days("2026-03-02", 7, cluster_id="c2", gpu=18.0),
        *days("2026-03-03", 9, cluster_id="c3", seen=[2]),
    )
    policy = Policy(Rules())
    chain = dict(findings.history(rows, policy, date(2026, 3, 1), date(2026, 3, 12)))
    previous = None
    for offset in range(12):
        day = date(2026, 3, 1) + timedelta(days=offset)
        upto = rows[rows["date"] <= pd.Timestamp(day)]
        previous = findings.judge(upto, Rules(), day, previous=previous)
        pd.testing.assert_frame_equal(previous, chain[day])


def test_changes_are_what_is_new_reopened_or_gone_today(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 6, cluster_id="leaves"),
        *days("2026-03-01", 7, cluster_id="stays"),
        *days("2026-03-06", 2, cluster_id="comes"),
    )
    chain = dict(findings.history(rows, Policy(Rules()), date(2026, 3, 5), date(2026, 3, 7)))
    changed = life.changes(chain[date(2026, 3, 7)], date(2026, 3, 7))
    changed = changed[changed["rule_id"] == "idle"]
    assert dict(zip(changed["cluster_id"], changed["state"], strict=True)) == {
        "leaves": "gone", "comes": "new",
    }  # fmt: skip


def test_a_gone_finding_is_followed_for_thirty_days(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-01-01", 5),
        *days("2026-01-06", 40, status="stopped", hours=0, spend_micros=0),
    )
    got = told(rows, "2026-01-05", "2026-02-10")
    assert got["02-05"]["state"] == "gone"
    assert got["02-05"]["realised_micros"] == 30 * (5 * DAY // 30)
    assert pd.isna(got["02-06"]["state"])
