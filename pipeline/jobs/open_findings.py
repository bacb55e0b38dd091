"""The open findings of the last closed day in few words, so that a terminal need not wait.

Method: whoever makes them keeps them in ``state/open-findings`` with a digest of all they were made
from: the names of all snapshots, ledger days and findings (a name changes with its content), the
policies, the settings and files that decide, and the versions of the tables. As long as the digest
is the same, so is the answer, and no table is read. Findings from incomplete inputs are not kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - msgspec reads the type at run time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.errors import DamageError, FleetLedgerError
from pipeline.schema_versions import FINDINGS_VERSION, SCHEMA_VERSION
from pipeline.toml_files import read_toml
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.jobs import Job

STATE = "open-findings"


class OpenFinding(msgspec.Struct, frozen=True, array_like=True):
    """What a table shows of a finding, by the names of ``schema.FINDINGS``.

    A new column goes last; the file of another version is not read.
    """

    name: str | None
    action: str | None
    counted_saving_micros: int | None
    grade: str | None
    rule_id: str
    provable_waste_micros: int | None
    suspected_saving_micros: int | None
    found_on: date | None
    waiting_cost_micros: int | None
    owner: str | None
    project_id: str | None
    state: str | None
    cluster_id: str
    account: str

    @property
    def saving_micros(self) -> int:
        """What it counts; 0 where that is unknown."""
        return self.counted_saving_micros or 0


class OpenFindings(msgspec.Struct, frozen=True):
    """The open findings of a day, those that save most first."""

    day: date
    rows: list[OpenFinding]


class _Kept(msgspec.Struct, frozen=True):
    made_of: str
    findings: msgspec.Raw


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which findings are asked for; None leaves a column as it is."""

    owner: str | None = None
    project: str | None = None
    """A pattern with ``*`` and ``?``."""
    rule: str | None = None
    min_saving_micros: int | None = None

    def match(self, row: OpenFinding) -> bool:
        """Whether ``row`` is asked for."""
        return (
            (self.owner is None or row.owner == self.owner)
            and (self.rule is None or row.rule_id == self.rule)
            and (self.project is None or fnmatchcase(row.project_id or "", self.project))
            and (self.min_saving_micros is None or row.saving_micros >= self.min_saving_micros)
        )


def ranked(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings of ``schema.FINDINGS`` that no exclusion covers, those that save most first."""
    # A kept answer needs no rules.
    from pipeline.transform.findings.by_cluster import open_findings  # noqa: PLC0415

    money = ["counted_saving_micros", "suspected_saving_micros", "provable_waste_micros"]
    return open_findings(findings).sort_values(
        [*money, "spend_micros"], ascending=False, na_position="last", kind="stable"
    )


def short(rows: pd.DataFrame) -> list[OpenFinding]:
    """``rows`` of ``schema.FINDINGS`` as a table shows them."""
    columns = []
    for name in OpenFinding.__struct_fields__:
        cells = rows[name].astype(object)
        cells = cells.where(cells.notna(), None)
        if name == "found_on":
            columns.append([None if cell is None else cell.date() for cell in cells])
        elif name.endswith("_micros"):
            columns.append([None if cell is None else int(cell) for cell in cells])
        else:
            columns.append(cells.tolist())
    return [OpenFinding(*row) for row in zip(*columns, strict=True)]


def keep(job: Job, day: date, rows: Sequence[OpenFinding]) -> None:
    """Keep the open findings of the last closed day, which were made from complete inputs."""
    made_of = _made_of(job)
    if made_of is not None:
        findings = msgspec.Raw(msgspec.json.encode(OpenFindings(day, list(rows))))
        job.store.put_state(STATE, msgspec.json.encode(_Kept(made_of, findings)))


def kept(job: Job) -> OpenFindings | None:
    """The findings that were kept, if they would be made the same now."""
    try:
        data = job.store.get_state(STATE)
        stored = msgspec.json.decode(data, type=_Kept) if data else None
        if stored is None or stored.made_of != _made_of(job):
            return None
        return msgspec.json.decode(stored.findings, type=OpenFindings)
    except (msgspec.DecodeError, DamageError):  # it is made again
        return None


def _made_of(job: Job) -> str | None:
    """A digest of all that the findings follow from; None where a file cannot be read."""
    store, settings = job.store, job.settings
    paths = (settings.exclusions_file, settings.owners_file)
    try:
        files = [read_toml(path, "settings") if path else None for path in paths]
    except FleetLedgerError:  # whoever makes the findings says which
        return None
    parts: list[Any] = [
        (__version__, SCHEMA_VERSION, FINDINGS_VERSION, OpenFinding.__struct_fields__),
        (settings.rules, settings.own_rules, settings.rate_card, sorted(settings.accounts)),
        files,
        store.get_state("policies"),
        [ref.key for ref in job.snapshots()],
        [ref.key for ref in store.ledger_days()],
        sorted((account, day, digest) for (account, day), digest in store.final_days().items()),
        sorted(store.findings_digests().items()),
    ]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(msgspec.json.encode(part))
        digest.update(b"\n")
    return digest.hexdigest()
