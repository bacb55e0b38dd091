"""What others install: a wheel with one top-level name, and a source archive that builds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import hatchling.build
import pytest

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parent.parent
TEMPLATES = {path.name for path in (ROOT / "reports/templates").iterdir()}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source archive of this tree."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def build(tree: Path, folder: Path, **environment: str) -> tuple[Path, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree)
        for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_REF_NAME"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        wheel = hatchling.build.build_wheel(str(folder))
        return folder / wheel, folder / hatchling.build.build_sdist(str(folder))


def names(archive: Path) -> set[str]:
    """The files of a wheel, or of a source archive without its top folder."""
    if archive.suffix == ".whl":
        return set(zipfile.ZipFile(archive).namelist())
    with tarfile.open(archive) as tar:
        return {name.partition("/")[2] for name in tar.getnames()}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def page_of(described: Message) -> str:
    """The text of the package's page."""
    text = described.get_payload(decode=True)
    assert isinstance(text, bytes)
    return text.decode()


def test_the_wheel_installs_one_name_and_no_tests_or_measured_data(
    built: tuple[Path, Path],
) -> None:
    wheel = names(built[0])
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {"pipeline"}
    assert not [name for name in wheel if "test" in name]
    kinds = {Path(name).suffix for name in wheel if ".dist-info/" not in name}
    assert kinds == {".py", ".typed", ".toml", ".html", ".txt", ".css", ".js"}


def test_the_wheel_has_types_templates_and_licence(built: tuple[Path, Path]) -> None:
    wheel = names(built[0])
    assert "pipeline/py.typed" in wheel
    assert {f"pipeline/report/output/templates/{name}" for name in TEMPLATES} <= wheel
    assert [name for name in wheel if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_source_archive_has_what_is_ours_and_no_data_of_another_licence(
    built: tuple[Path, Path],
) -> None:
    source = names(built[1])
    assert {"LICENSE", "requirements.lock", "tests/test_package.py", ".ci/metadata.py"} <= source
    assert {f"reports/templates/{name}" for name in TEMPLATES} <= source
    assert not [name for name in source if name.startswith("benchmarks/data")]
    assert not [name for name in source if name.startswith(".venv") or "__pycache__" in name]


def test_the_source_archive_builds_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(built[1]) as tar:
        tar.extractall(tmp_path, filter="data")
    [tree] = tmp_path.iterdir()
    again, _ = build(tree, tmp_path)
    assert again.read_bytes() == built[0].read_bytes()


def test_a_build_without_an_address_claims_none(built: tuple[Path, Path]) -> None:
    described = metadata(built[0])
    assert described.get_all("Project-URL") is None
    assert page_of(described) == (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_published_page_has_absolute_links_to_its_tag(tmp_path: Path) -> None:
    wheel, _ = build(
        ROOT,
        tmp_path,
        GITHUB_SERVER_URL="https://git.example.org",
        GITHUB_REPOSITORY="team/fleetledger",
        GITHUB_REF_NAME="v1.2.3",
    )
    described = metadata(wheel)
    page = page_of(described)
    address = "https://git.example.org/team/fleetledger"
    assert f"![The report]({address}/raw/v1.2.3/docs/report.png)" in page
    assert f"]({address}/blob/v1.2.3/SECURITY.md)" in page
    assert not re.findall(r"\]\((?!https://|#)[^)]*\)", page)
    urls = dict(url.split(", ") for url in described.get_all("Project-URL", []))
    assert urls["Source"] == address
    assert all(url.startswith(address) for url in urls.values())


def test_the_wheel_makes_a_report_outside_the_repository(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    # Unpacked rather than installed, which would need the network for the dependencies.
    site = tmp_path / "site"
    with zipfile.ZipFile(built[0]) as archive:
        archive.extractall(site)  # noqa: S202 - our own archive
    program = (
        "import sys, pipeline\n"
        f"assert pipeline.__file__.startswith({str(site)!r}), pipeline.__file__\n"
        "import pipeline.cli, pipeline.demo\n"
        "pipeline.demo.DAYS = 2\n"
        "sys.argv[1:] = ['demo']\n"
        "pipeline.cli.main()\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/demo/reports/latest/report.html").stat().st_size > 100_000
