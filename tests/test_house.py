"""The house keeps its rooms apart: who may import whom, and what only one room may use."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))

STAGES = {"extract", "store", "ledger", "transform", "report", "deliver", "simulator"}
SHARED = {
    "addresses",
    "arrays",
    "currency",
    "errors",
    "keys",
    "model",
    "progress",
    "redact",
    "rules",
    "schema",
    "settings",
    "toml_files",
    "version",
}
MAY_IMPORT = {
    **dict.fromkeys(STAGES, SHARED),
    **dict.fromkeys(SHARED, SHARED),
    # Downstream reads upstream: a report is written from the results of transform.
    "report": SHARED | {"transform"},
    "jobs": SHARED | STAGES - {"simulator"},
    "nightly": SHARED | {"jobs"},
    "terminal": {"schema", "progress"},
    "demo": SHARED | {"jobs", "nightly", "store", "simulator"},
    "notebook": SHARED | {"store", "ledger", "transform"},
    "cli": SHARED | STAGES | {"jobs", "nightly", "terminal", "demo"},
    "__main__": {"cli"},
}
"""Rooms of the package and the rooms they may look into (themselves always)."""

ONLY_IN = {
    "requests": {"extract"},
    "urllib3": {"extract"},
    "pyarrow": {"schema", "model", "store", "extract", "report"},
    "obstore": {"store"},
    "jinja2": {"report"},
    "altair": {"report"},
    "vl_convert": {"report"},
    "css_inline": {"report"},
    "smtplib": {"deliver"},
    "starlette": {"simulator"},
    "uvicorn": {"simulator"},
    "click": {"cli"},
    "rich": {"terminal"},
}


def room(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imported(module: Path) -> set[str]:
    """Dotted names a module imports anywhere in it, for types as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            names.add("relative import")
    return names


def rooms_used(module: Path) -> set[str]:
    rooms = set()
    for name in imported(module):
        parts = name.split(".")
        if parts[0] == "pipeline" and len(parts) > 1:
            is_room = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file()
            rooms.add(parts[1] if is_room else "")
    return rooms


def name_of(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_room_looks_only_into_the_rooms_it_may(module: Path) -> None:
    used = rooms_used(module) - {room(module)}
    if room(module) == "":
        assert used <= {"notebook", "version"}
    else:
        assert used <= MAY_IMPORT[room(module)], f"{module} must not import {used}"
    assert "relative import" not in imported(module)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_library_is_used_in_its_own_room_only(module: Path) -> None:
    for library in {name.split(".")[0] for name in imported(module)} & ONLY_IN.keys():
        assert room(module) in ONLY_IN[library], f"{library} does not belong into {module}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_the_command_line_reads_clock_environment_and_arguments(module: Path) -> None:
    if room(module) == "cli":
        return
    tree = ast.parse(module.read_text(encoding="utf-8"))
    read = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    forbidden = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "os.environ"}
    forbidden |= {"os.getenv", "sys.argv"}
    assert not read & forbidden


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    assert not {module.name for module in MODULES} & {"helpers.py", "utils.py", "common.py"}


def test_every_template_leaves_the_arithmetic_to_the_view() -> None:
    for template in (ROOT / "reports" / "templates").rglob("*"):
        if template.is_file() and template.suffix in {".html", ".txt", ".j2"}:
            text = template.read_text(encoding="utf-8")
            for word in ("|round", "| round", "|sort", "| sort", "|sum", "| sum", "|groupby"):
                assert word not in text, f"{template.name}: {word}"
