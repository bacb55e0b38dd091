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
from pipeline.errors import Exit
from pipeline.rules import RULES
from pipeline.settings import parse_settings
from pipeline.transform.findings.exclusions import parse_exclusions
from pipeline.transform.findings.owners import parse_owners

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_agrees_with_the_code(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_the_help_in_the_readme_is_the_programs_help() -> None:
    shown = re.search(r"\$ fleetledger --help\n(.*?)\n```", README, re.DOTALL)
    assert shown is not None
    printed = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown[1].strip() == printed.strip()


def test_every_exit_code_is_in_the_readme() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert rows == {int(code) for code in Exit}


def test_the_settings_exclusions_and_owners_in_the_readme_are_valid() -> None:
    settings, exclusions, owners = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert parse_settings(settings.encode(), "README.md").mail.host == "smtp.example.org"
    rules = {rule.id for rule in RULES}
    assert parse_exclusions(tomllib.loads(exclusions), "README.md", rules)[0].rule == "idle"
    assert parse_owners(tomllib.loads(owners), "README.md")[0].owner == "vision team"


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = cli.commands[name]
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            is_plain = isinstance(option.type, click.Choice) or option.show_default
            assert option.help or is_plain or name == "clusters", f"{name} {option.opts}"


def test_the_crontab_in_the_readme_is_the_one_that_is_shipped() -> None:
    shipped = (ROOT / "deploy" / "crontab").read_text(encoding="utf-8")
    lines = [line for line in shipped.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 2
    for line in lines:
        assert line in README


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def named_paths(page: str) -> set[str]:
    """The paths that a page names, as written."""
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = set(re.findall(r"`([\w./-]+(?:\.(?:py|md|toml|yml)|/))`", text))
    tree = text.partition("## Layout\n")[2].partition("\n## ")[0]
    return paths | set(re.findall(r"(?m)^ {2}([\w/]+(?:\.py|/)) ", tree))


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    paths = named_paths(page)
    assert len(paths) > 15
    generated = {"discarded/", "discarded/reports/", "settings.toml"}
    for path in paths - generated:
        places = (ROOT / path, ROOT / "pipeline" / path, ROOT / "pipeline/cli" / path)
        assert any(place.exists() for place in places), f"{page} names {path}"


def test_every_exit_code_has_its_remedy_in_operations() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", page)
    assert [int(code) for code, _, _ in rows] == sorted(int(code) for code in Exit)


def test_operations_names_every_file_of_the_deployments_by_its_folder() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for path in (ROOT / "deploy").iterdir():
        assert f"](../deploy/{path.name})" in page
    for manifest in (ROOT / "deploy/kubernetes").iterdir():
        assert f"deploy/kubernetes/{manifest.name}" in page


def test_each_threat_names_tests_that_exist() -> None:
    model = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in model.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 10
    for row in rows:
        *_, named, _ = row.split("|")
        tests = re.findall(r"`(tests/[a-z_/]+\.py)`", named)
        assert tests, row
        assert not [path for path in tests if not (ROOT / path).is_file()], row
