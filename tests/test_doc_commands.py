"""Each command in the documents: run, or on a list with the reason why not."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from pipeline.cli import cli
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from tests.cli.conftest import KEY, in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "data/README.md", "data/sample/README.md")
    for path in ROOT.glob(pattern)
)
NEW = {"README.md", "docs/first-night.md"}
"""Pages that begin with an empty data directory; elsewhere it holds the sample history."""
NOT_RUN = {
    "fleetledger simulate": "serves until it is stopped: tests/simulator/test_clock_and_server.py",
    "--api-url http://127.0.0.1:8000": "asks that server",
    "--data-dir s3://": "needs a bucket: tests/store",
    "--engine dask": "starts a Dask cluster: tests/test_engine.py",
    "discard data/snapshots/account=default/date=2027": "no such file: tests/jobs/test_discard.py",
}
"""Commands of the program, by a part of their text."""
OTHERS = {
    "make": "the Makefile has the target; it installs, or takes minutes",
    "python": "the file exists; it takes minutes",
    "(crontab": "changes this machine; tests/cli/test_crontab.py runs its lines",
    "docker": "needs Docker; CI builds and runs the container",
    "kubectl": "needs a cluster; tests/test_deploy.py checks the manifests",
    "systemctl": "needs root; tests/test_deploy.py checks the units",
    "useradd": "needs root",
    "cp": "needs root, for /etc",
    "python3": "needs root, for /opt",
    "/opt/fleetledger/bin/pip": "needs root, for /opt",
    "install": "needs root, or a key to paste",
    "pip": "needs a package registry",
    "rclone": "needs a bucket",
    "rsync": "another program",
}
"""Other programs."""
EXIT = {
    "fleetledger report --period 2025-10": 3,  # days of the month have no data, as the page says
}
"""Exit codes other than 0."""
PLACEHOLDERS = {
    "CLUSTER": "cluster_1",
    "DAY": "2025-10-15",
    "FILE": "bill.csv",
    "PERIOD": "2025-10",
    "SNAPSHOT": "snapshot.parquet",
}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def lines(block: str) -> Iterator[tuple[str, str]]:
    """Each command with its here-document, continuation lines joined."""
    rest = iter(block.replace("\\\n", " ").splitlines())
    for line in rest:
        here = ""
        if end := re.search(r"<<'(\w+)'$", line):
            for content in rest:
                if content == end[1]:
                    break
                here += f"{content}\n"
        if line.strip():
            yield re.sub(r"\s+#.*$", "", line), here


class Shell:
    """As much of a shell as the documents use, with the program in this process."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def run(self, line: str, here: str) -> None:
        words = shlex.split(line)
        if completion := re.search(r"_FLEETLEDGER_COMPLETE=(\w+) fleetledger", line):
            variable = {"_FLEETLEDGER_COMPLETE": completion[1]}
            assert "complete" in in_process([], self.environment | variable).out, line
            return
        match words:
            case ["export", assignment]:
                name, _, value = assignment.partition("=")
                self.environment[name] = value.replace("~", self.environment["HOME"])
            case ["cat", ">", path, _]:
                (self.folder / path).write_text(here)
            case ["mkdir", "-p", made, "&&", "cp", "-r", source, target]:
                assert made == target
                source_folder = self.folder / source
                shutil.copytree(source_folder, self.folder / target, dirs_exist_ok=True)
            case [program, *args] if Path(program).name == "fleetledger":
                if any(part in line for part in NOT_RUN):
                    return
                ran = in_process(args, self.environment, self.folder)
                wanted = EXIT.get(line, 0)
                assert ran.code == wanted, f"{line}: exit {ran.code}: {ran.err}"
            case ["make", target, *_]:
                makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), line
            case ["python", "-m", module, *_]:
                assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), line
            case ["python", path, *_]:
                assert (ROOT / path).exists(), line
            case _:
                assert words[0] in OTHERS, f"run it, or list it with the reason: {line}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An API whose clock is this machine's, as a user's is."""
    start = datetime.now(UTC) - timedelta(hours=1)
    clock = Clock(start, step_seconds=0)
    clock.set(start + timedelta(hours=1))
    with serve(make_app(Fleet(3, 25, start, 2), clock, keys=(KEY,))) as address:
        yield address


def with_commands() -> list[Path]:
    return [page for page in PAGES if blocks(page, "sh")]


@pytest.mark.parametrize("page", with_commands(), ids=name_of)
def test_the_commands_of_a_page_work_in_their_order(page: Path, url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    key = home / ".tensorone_api_key"
    key.write_text(KEY)
    key.chmod(0o600)
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "data/sample", folder / "data/sample", symlinks=True)
    if name_of(page) in NEW:
        shutil.copytree(ROOT / "data/sample", folder / "data/demo")
    else:
        shutil.copytree(ROOT / "data/sample", folder / "data", dirs_exist_ok=True)
    for settings in blocks(page, "toml"):
        (folder / "data/settings.toml").write_text(settings)
    shell = Shell(
        folder,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "FLEETLEDGER_API_URL": url,  # asked only by pages that export a key
        },
    )
    for block in blocks(page, "sh"):
        for line, here in lines(block):
            shell.run(line, here)


COMMAND = re.compile(
    rf"(?:^|[ /])fleetledger +((?:--\S+ +\S+ +)*(?:{'|'.join(cli.commands)})\b[^#>…`|&]*)"
)


def in_blocks() -> Iterator[tuple[str, str]]:
    """Every command of the program in a block of a page, a crontab or a container's for example."""
    for page in PAGES:
        for block in blocks(page, r"\w*"):
            for line, _ in lines(block):
                yield from ((name_of(page), command) for command in COMMAND.findall(line))


def in_sentences() -> Iterator[tuple[str, str]]:
    """Every command of the program in a sentence, with its name or, if it has options, without."""
    for page in PAGES:
        text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
        for code in re.findall(r"`([^`\n]+)`", text):
            if re.match(rf"({'|'.join(cli.commands)}) +-", code):
                yield name_of(page), code
            yield from ((name_of(page), command) for command in COMMAND.findall(code))


def parse_error(command: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click.Command, "invoke", lambda _command, _context: None)
        args = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)]
        return in_process(args, {"PATH": os.environ["PATH"]}).err


@pytest.mark.parametrize(("page", "command"), sorted(set(in_blocks())))
def test_the_program_accepts_every_command_in_a_block(page: str, command: str) -> None:
    assert not parse_error(command), page


@pytest.mark.parametrize(("page", "command"), sorted(set(in_sentences())))
def test_the_program_knows_every_command_in_a_sentence(page: str, command: str) -> None:
    # A sentence may name an option without its value.
    error = parse_error(command)
    assert not error or "requires an argument" in error or "Missing" in error, page


def test_the_commands_of_the_crontab_are_among_them() -> None:
    found_in = {page for page, _ in in_blocks()}
    assert {"docs/first-night.md", "docs/operations.md", "docs/recipes.md"} <= found_in
