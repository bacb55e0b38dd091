"""The layout: which package may import which, and which library belongs to which package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))

STAGES = {"extract", "store", "ledger", "transform", "report", "focus", "deliver", "simulator"}
SHARED = {
    "addresses",
    "arrays",
    "currency",
    "deadline",
    "connection_errors",
    "errors",
    "keys",
    "model",
    "periods",
    "progress",
    "pseudonyms",
    "redact",
    "rules",
    "schema",
    "schema_versions",
    "settings",
    "settings_reference",
    "spelling",
    "toml_files",
    "value_errors",
    "version",
}
MAY_IMPORT = {
    **dict.fromkeys(STAGES, SHARED),
    **dict.fromkeys(SHARED, SHARED),
    # Downstream reads upstream: a report is written from the results of transform.
    "report": SHARED | {"transform"},
    "engine": {"errors", "version"},
    "jobs": SHARED | STAGES - {"simulator"} | {"engine"},
    "nightly": SHARED | {"jobs"},
    "terminal": {"schema", "progress"},
    "demo": SHARED | {"jobs", "nightly", "store", "simulator"},
    # An edge, as cli is: it asks the jobs, so that a figure is the report's and the commands'.
    "notebook": SHARED | {"jobs", "store", "transform", "report"},
    # An answer is the notebook's.
    "assistants": SHARED | {"notebook"},
    "cli": SHARED
    | STAGES
    | {"engine", "jobs", "nightly", "terminal", "demo", "notebook", "assistants"},
    "__main__": {"cli"},
}
"""Packages and top-level modules of pipeline/, and which of them each may import."""

ONLY_IN = {
    # HTTP has a deadline for a whole request; reading the API and posting messages share it.
    "requests": {"extract", "deliver", "deadline"},
    "urllib3": {"extract", "deliver"},
    "pyarrow": {"schema", "model", "store", "extract", "ledger", "report", "focus"},
    "obstore": {"store"},
    "jinja2": {"report"},
    "vl_convert": {"report"},
    "altair": {"notebook"},
    "css_inline": {"report"},
    "smtplib": {"deliver"},
    "starlette": {"simulator"},
    "uvicorn": {"simulator"},
    "click": {"cli"},
    "distributed": {"engine"},
    "rich": {"terminal"},
    "mcp": {"assistants"},
}


def package_of(module: Path) -> str:
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


def packages_used(module: Path) -> set[str]:
    packages = set()
    for name in imported(module):
        parts = name.split(".")
        if parts[0] == "pipeline" and len(parts) > 1:
            is_package = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file()
            packages.add(parts[1] if is_package else "")
    return packages


def name_of(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_package_imports_only_what_it_may(module: Path) -> None:
    used = packages_used(module) - {package_of(module)}
    if package_of(module) == "":
        assert used <= {"notebook", "version"}
    else:
        assert used <= MAY_IMPORT[package_of(module)], f"{module} must not import {used}"
    assert "relative import" not in imported(module)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_library_is_used_only_in_its_own_package(module: Path) -> None:
    for library in {name.split(".")[0] for name in imported(module)} & ONLY_IN.keys():
        assert package_of(module) in ONLY_IN[library], f"{library} does not belong into {module}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_format_that_can_run_code_is_read(module: Path) -> None:
    libraries = {name.split(".")[0] for name in imported(module)}
    assert not libraries & {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "yaml"}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_only_the_edges_read_clock_environment_and_arguments(module: Path) -> None:
    if package_of(module) == "cli":
        return
    tree = ast.parse(module.read_text(encoding="utf-8"))
    read = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    forbidden = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "os.environ"}
    forbidden |= {"os.getenv", "sys.argv"}
    if package_of(module) == "notebook":  # a person's own program, which passes no clock
        forbidden -= {"datetime.now"}
    assert not read & forbidden


def dotted_name(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules() -> dict[str, set[str]]:
    """The modules of the package that each one imports, for types as well."""
    known = {dotted_name(module) for module in MODULES}
    imports: dict[str, set[str]] = {}
    for module in MODULES:
        used = imported(module)
        # "from package.module import name" is written as package.module.name.
        used |= {name.rpartition(".")[0] for name in used - known}
        imports[dotted_name(module)] = used & known
    return imports


def test_no_modules_import_each_other_in_a_circle() -> None:
    waiting = imported_modules()
    while leaves := {name for name, used in waiting.items() if not used & waiting.keys()}:
        waiting = {name: used for name, used in waiting.items() if name not in leaves}
    # What is left are circles, and modules between circles or above one.
    while tops := waiting.keys() - set().union(*waiting.values()):
        waiting = {name: used for name, used in waiting.items() if name not in tops}
    assert {name: used & waiting.keys() for name, used in waiting.items()} == {}


def test_no_module_has_a_catch_all_name() -> None:
    assert not {module.name for module in MODULES} & {"helpers.py", "utils.py", "common.py"}


def test_templates_hold_no_arithmetic_and_no_sorting() -> None:
    for template in (ROOT / "reports" / "templates").rglob("*"):
        if template.is_file() and template.suffix in {".html", ".txt", ".j2"}:
            text = template.read_text(encoding="utf-8")
            for word in ("|round", "| round", "|sort", "| sort", "|sum", "| sum", "|groupby"):
                assert word not in text, f"{template.name}: {word}"
