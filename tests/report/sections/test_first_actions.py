"""Do these first: what is advised, in which order, and how to do it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline.report.output import render
from pipeline.report.sections.first_actions import first_actions
from pipeline.report.view import build
from pipeline.settings import Account, Api, Settings
from tests.report.factories.clusters import UNIT
from tests.report.factories.results import SETS, normal
from tests.report.reading import plain

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs

TIMES = "\N{MULTIPLICATION SIGN}"


def savings(inputs: ReportInputs, **by_cluster: tuple[str | None, int]) -> ReportInputs:
    """Grade and counted saving of the finding ``idle`` of some clusters."""
    rows = inputs.findings.astype({"grade": "object", "action": "object"})
    is_idle = rows["rule_id"].astype("str") == "idle"
    for cluster_id, (grade, units) in by_cluster.items():
        here = is_idle & (rows["cluster_id"] == cluster_id)
        rows.loc[here, ["grade", "counted_saving_micros"]] = [grade, units * UNIT]
    return replace(inputs, findings=rows)


def test_proven_comes_before_likely_and_most_saved_first() -> None:
    shown = first_actions(savings(normal(), cluster_a2=("likely", 900), cluster_a3=("proven", 5)))
    assert [(row.name, row.grade, row.saving) for row in shown.rows][:2] == [
        ("notebook", "proven", "$5.00"),
        ("forgotten", "likely", "$900"),
    ]
    assert plain(shown.summary).startswith(
        "3 actions would save $5.00 on proven findings and $990 on likely ones"
    )


def test_savings_of_own_rules_without_a_grade_are_in_every_sum() -> None:
    inputs = savings(normal(), cluster_a2=("likely", 900), cluster_a3=(None, 50))
    view = build(inputs)
    saved = plain(view.first.summary)
    assert "and $50.00 on ones without a grade" in saved, saved
    counted = inputs.findings["counted_saving_micros"].fillna(0)
    assert counted[inputs.findings["grade"].isna()].sum() == 50 * UNIT
    page = plain(render.html(view))
    assert "and $50.00 on ones without a grade over the next 30 days" in page


def test_an_action_says_from_when_no_work_was_seen_and_not_from_when_it_is_proven() -> None:
    inputs = normal()
    idle, *_ = first_actions(inputs).rows
    assert plain(idle.since) == "not seen busy since 9 Nov or earlier"
    other = inputs.findings.assign(rule_id="stuck_paid", found_on=pd.Timestamp("2026-11-12"))
    stuck, *_ = first_actions(replace(inputs, findings=other)).rows
    assert plain(stuck.since) == "found 12 Nov"
    page = render.html(build(inputs))
    assert "not seen busy since 9 Nov or earlier" in plain(page)
    assert "since not" not in page


def test_an_action_names_its_way_back_and_the_vendors_request() -> None:
    (row, *_) = first_actions(normal()).rows
    assert (row.action, row.name) == ("Terminate", "forgotten")
    assert (row.takes, row.undo) == ("low effort, high risk", "not possible")
    assert [fact.term for fact in row.facts] == ["What to do", "Risk", "Still charged"]
    assert row.is_final
    # What can be undone comes first.
    assert [call.term for call in row.calls] == ["Stop it", "Terminate it"]
    assert row.calls[1].value == (
        'curl -X DELETE -H "Authorization: Bearer $TENSORONE_API_KEY" '
        "https://api.tensorone.ai/v2/clusters/cluster_a2"
    )


def test_an_action_that_cannot_be_undone_says_when_another_is_right() -> None:
    final = [row for row in first_actions(normal()).rows if row.is_final]
    assert final
    for row in final:
        assert row.instead == "to keep its storage, stop it"
        assert row.facts[0].meaning.endswith("if its storage is no longer needed, else stop it.")


def test_where_no_owners_are_named_it_says_whom_to_ask() -> None:
    inputs = normal()
    named, unnamed = (replace(inputs, has_owners=has_owners) for has_owners in (True, False))
    assert first_actions(named).owners == ""
    assert first_actions(unnamed).owners.endswith("set owners_file, or ask the project.")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(api=Api(url="https://eu.example.com", auth="bare")),
         '"Authorization: $TENSORONE_API_KEY" https://eu.example.com/v2/'),
        (Settings(accounts={"default": Account(url="https://own.example.com")}),
         " https://own.example.com/v2/"),
        (Settings(api=Api(url="http://127.0.0.1:8080")), " https://api.tensorone.ai/v2/"),
    ],
)  # fmt: skip
def test_the_request_goes_where_the_accounts_api_is(settings: Settings, expected: str) -> None:
    (row, *_) = first_actions(replace(normal(), settings=settings)).rows
    assert expected in row.calls[0].value


def test_no_name_from_outside_can_add_to_a_command() -> None:
    for row in first_actions(SETS["hostile"]()).rows:
        for call in (call.value for call in row.calls):
            assert "$(" not in call
            assert "`" not in call
            assert call.isprintable()


def test_an_excluded_finding_is_no_action() -> None:
    inputs = normal()
    excluded = inputs.findings.assign(exclusion="kept: standby (ops, until 2027-01-01)")
    shown = first_actions(replace(inputs, findings=excluded))
    assert shown.rows == ()
    assert shown.summary == "Nothing to do: there are no findings."


def test_where_there_is_nothing_to_do_the_reason_is_given() -> None:
    inputs = normal()
    unsure = inputs.findings.assign(counted_saving_micros=0)
    shown = first_actions(replace(inputs, findings=unsure))
    assert shown.summary == "No finding is certain enough for its saving to count."
    unjudged = inputs.findings.assign(outcome="INSUFFICIENT_DATA")
    shown = first_actions(replace(inputs, findings=unjudged))
    assert shown.summary == "Nothing could be judged, so there is nothing to do yet."


def test_a_resize_to_the_same_size_names_no_sizes() -> None:
    inputs = normal()
    full = inputs.evidence.assign(gpu_p95_pct=100.0)
    actions = {row.name: row.action for row in first_actions(replace(inputs, evidence=full)).rows}
    assert actions["half-used"] == "Resize"


def test_an_action_on_a_cluster_of_unknown_size_is_shown() -> None:
    inputs = normal()
    unknown = inputs.evidence.assign(gpu_count=None, gpu_p95_pct=None).astype(
        {"gpu_count": "Int64", "gpu_p95_pct": "float64"}
    )
    assert first_actions(replace(inputs, evidence=unknown)).rows[0].name == "forgotten"


def test_a_resize_says_from_how_many_gpus_to_how_many_and_why() -> None:
    (row,) = [row for row in first_actions(normal()).rows if row.action.startswith("Resize")]
    assert (plain(row.action), row.name) == ("Resize from 4 GPUs to 2:", "half-used")
    (sum_,) = [plain(fact.meaning) for fact in row.facts if fact.term == "Arithmetic"]
    assert sum_ == (
        f"GPUs that the work needs: 4 {TIMES} 18 % (95th percentile of GPU use) / 80 % = 0.90. "
        f"GPUs that the memory needs: 4 {TIMES} 40 % (highest memory use) / 90 % = 1.78. "
        "The larger, rounded up: 2 of 4."
    )
