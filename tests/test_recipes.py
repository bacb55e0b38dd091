"""docs/recipes.md: each block runs over the sample, and the tools agree to the last digit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

import pipeline as fl

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(
    r"^```(sql|python)\n(.*?)^```$",
    (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
VIEWS, *QUESTIONS = [text for kind, text in BLOCKS if kind == "sql"]
CHANGES, *PROGRAMS = [text for kind, text in BLOCKS if kind == "python"]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def expected() -> dict[str, int]:
    store = fl.open_store(str(ROOT / "data/sample"))
    spend = store.spend("project_id", first="2025-10-09", last="2025-10-15")
    return dict(zip(spend["project_id"], map(int, spend["spend_micros"]), strict=True))


@pytest.mark.parametrize("question", QUESTIONS, ids=["spend", "idle", "own rule"])
def test_an_sql_recipe_answers(question: str) -> None:
    with duckdb.connect() as database:
        database.execute(VIEWS)
        assert database.execute(question).fetchall()


def test_sql_sums_the_same_money(expected: dict[str, int]) -> None:
    with duckdb.connect() as database:
        database.execute(VIEWS)
        rows = database.execute(
            "SELECT project_id, sum(spend_micros)::BIGINT FROM ledger "
            "WHERE date BETWEEN '2025-10-09' AND '2025-10-15' GROUP BY project_id"
        ).fetchall()
        answer = database.execute(QUESTIONS[0]).fetchall()
    assert dict(rows) == expected
    assert {project: round(spend * 1e6) for project, spend, _ in answer} == expected


def test_sql_lists_the_idle_clusters_of_the_notebook() -> None:
    idle = fl.open_store("data/sample").idle()
    with duckdb.connect() as database:
        database.execute(VIEWS)
        rows = database.execute(QUESTIONS[1]).fetchall()
    assert [row[:2] for row in rows] == list(zip(idle["name"], idle["grade"], strict=True))


@pytest.mark.parametrize("program", PROGRAMS, ids=["polars", "pandas", "notebook"])
def test_a_program_sums_the_same_money(program: str, expected: dict[str, int]) -> None:
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - our own documentation
    spend = names["spend"]
    if hasattr(spend, "rows"):
        assert dict(spend.rows()) == expected
    elif hasattr(spend, "to_dict") and "spend_micros" not in getattr(spend, "columns", ()):
        assert spend.to_dict() == expected
    else:
        rows = zip(spend["project_id"], map(int, spend["spend_micros"]), strict=True)
        assert dict(rows) == expected


def test_the_causes_of_a_project_add_up_to_its_difference(expected: dict[str, int]) -> None:
    names: dict[str, Any] = {}
    exec(CHANGES, names)  # noqa: S102 - our own documentation
    before = fl.open_store("data/sample").spend("project_id", first="2025-10-02", last="2025-10-08")
    spent = dict(zip(before["project_id"], map(int, before["spend_micros"]), strict=True))
    difference = expected["robotics-sim"] - spent["robotics-sim"]
    assert names["clusters"]["micros"].sum() == difference
    assert round(names["causes"].sum() * 1e6) == difference


def test_every_block_is_run() -> None:
    assert (len(QUESTIONS), len(PROGRAMS)) == (3, 3)
