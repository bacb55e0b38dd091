"""The documents agree with the code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from docs.generate import PAGES
from pipeline.cli import cli
from pipeline.errors import WORST_FIRST, Exit
from pipeline.rules import RULES
from pipeline.settings import parse_settings
from pipeline.transform.findings.exclusions import parse_exclusions
from pipeline.transform.findings.owners import parse_owners

ROOT = Path(__file__).parent.parent


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_agrees_with_the_code(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_the_help_that_is_shown_is_the_programs_help() -> None:
    shown = re.search(r"\$ fleetledger --help\n(.*?)\n```", page("docs/commands.md"), re.DOTALL)
    assert shown is not None
    printed = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown[1].strip() == printed.strip()


def test_every_exit_code_has_its_meaning_and_its_remedy() -> None:
    table = page("docs/exit-codes.md")
    rows = re.findall(r"(?m)^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", table)
    assert [int(code) for code, _, _ in rows] == sorted(int(code) for code in Exit)
    order = ", ".join(str(int(code)) for code in WORST_FIRST)
    assert f"Of several codes the first of {order} is used." in table


def test_the_settings_exclusions_and_owners_that_are_shown_are_valid() -> None:
    example = page("docs/settings.md").partition("\n## An example\n")[2]
    settings, exclusions, owners = re.findall(r"```toml\n(.*?)```", example, re.DOTALL)
    assert parse_settings(settings.encode(), "settings.md").mail.host == "smtp.example.org"
    rules = {rule.id for rule in RULES}
    assert parse_exclusions(tomllib.loads(exclusions), "settings.md", rules)[0].rule == "idle"
    assert parse_owners(tomllib.loads(owners), "settings.md")[0].owner == "vision team"


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = cli.commands[name]
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            is_plain = isinstance(option.type, click.Choice) or option.show_default
            assert option.help or is_plain or name == "clusters", f"{name} {option.opts}"


PAGE_FILES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))


def anchors(text: str) -> set[str]:
    """The anchors that Git hosts give the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        file = path.parent / target if target else path
        assert file.exists(), f"{path.name} links to {target}"
        if anchor and file.suffix == ".md":
            there = anchors(file.read_text(encoding="utf-8"))
            assert anchor in there, f"{path.name} links to {target}#{anchor}"


def named_paths(name: str) -> set[str]:
    """The paths that a page names, as written."""
    text = page(name)
    paths = set(re.findall(r"`([\w./-]+(?:\.(?:py|md|toml|yml)|/))`", text))
    tree = text.partition("## Layout\n")[2].partition("\n## ")[0]
    return paths | set(re.findall(r"(?m)^ {2}([\w/]+(?:\.py|/)) ", tree))


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_that_a_page_names_exists(name: str) -> None:
    paths = named_paths(name)
    assert len(paths) > 15
    generated = {"discarded/", "discarded/reports/", "settings.toml"}
    for path in paths - generated:
        places = (ROOT / path, ROOT / "pipeline" / path, ROOT / "pipeline/cli" / path)
        assert any(place.exists() for place in places), f"{name} names {path}"


def test_operations_names_every_file_of_the_deployments_by_its_folder() -> None:
    text = page("docs/operations.md")
    for path in (ROOT / "deploy").iterdir():
        assert f"](../deploy/{path.name})" in text
    for manifest in (ROOT / "deploy/kubernetes").iterdir():
        assert f"deploy/kubernetes/{manifest.name}" in text


def test_each_threat_names_tests_that_exist() -> None:
    model = page("SECURITY.md")
    rows = [line for line in model.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 10
    for row in rows:
        *_, named, _ = row.split("|")
        tests = re.findall(r"`(tests/[a-z_/]+\.py)`", named)
        assert tests, row
        assert not [path for path in tests if not (ROOT / path).is_file()], row


def test_every_failure_has_its_row_with_a_test() -> None:
    _, _, section = page("docs/reliability.md").partition("## Failures, one by one\n")
    rows = re.findall(r"(?m)^\| (\d+) \| (.*)$", section.partition("\n## ")[0])
    assert [int(number) for number, _ in rows] == list(range(1, 37))
    assert [number for number, text in rows if "::test_" not in text] == []


def test_every_test_that_the_documents_name_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page("docs/reliability.md"))
    assert len(named) > 60
    for path, name in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"(?m)^def {name}\(", source), f"{path} has no {name}"
