"""Reports without names: pseudonyms in place of the names of clusters, projects and owners.

The names are replaced in the data, before anything is written from them, so that no section, file
or message can show one. Ids stay: they say nothing, and ``fleetledger why ID`` finds the cluster.
What an exclusion says in words is left out. Other texts of the settings stay: titles of own rules,
names of accounts and budgets.

The key of the pseudonyms is kept in the store (``state/pseudonyms``), so that a name has the same
one every night.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from pipeline import pseudonyms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.jobs import Job
    from pipeline.jobs.report_build import ReportContext
    from pipeline.jobs.stored_inputs import StoredInputs
    from pipeline.report.inputs import ReportInputs
    from pipeline.rules import Clause, Rule
    from pipeline.settings import Budget
    from pipeline.store import Store
    from pipeline.transform.budgets import Budgets
    from pipeline.transform.findings.exclusions import Exclusion

STATE = "pseudonyms"
KINDS = {"name": "cluster", "project_id": "project", "owner": "owner"}
"""The columns that hold names, and what each is a name of."""
_HIDDEN = "hidden"


def stored_key(store: Store) -> bytes | None:
    """The key of earlier pseudonyms; None if there are none yet."""
    return store.get_state(STATE)


@dataclass(frozen=True)
class Names:
    """Shows names as they are, or with a key as pseudonyms."""

    key: bytes | None

    def of(self, kind: str, text: str) -> str:
        """The name ``text`` of a ``kind``."""
        return text if self.key is None else pseudonyms.pseudonym(self.key, kind, text)

    def owner(self, text: str) -> str:
        """The name of an owner."""
        return self.of("owner", text)

    def shown(
        self, context: ReportContext, stored: StoredInputs, findings: pd.DataFrame
    ) -> tuple[ReportContext, StoredInputs, pd.DataFrame]:
        """What a report is made from, with the names it shows."""
        if self.key is None:
            return context, stored, findings
        policy = context.policy
        excluded = {each: self._exclusion(each) for each in policy.exclusions}
        texts = {each.text: hidden.text for each, hidden in excluded.items()}
        rows = self._of_findings(findings, policy.applied.rulebook, texts)
        hidden = msgspec.structs.replace(policy, exclusions=tuple(excluded.values()))
        ledger, history = (self._columns(frame) for frame in (stored.ledger, stored.history))
        used = stored.utilization.map(self._columns)
        return (
            replace(context, policy=hidden),
            replace(stored, ledger=ledger, history=history, utilization=used),
            rows,
        )

    def inputs(self, inputs: ReportInputs) -> ReportInputs:
        """``inputs`` with the names that own rules compare with."""
        if self.key is None:
            return inputs
        return replace(inputs, rules=tuple(self._rule(rule) for rule in inputs.rules))

    def budgets(self, budgets: Budgets | None, settings: Mapping[str, Budget]) -> Budgets | None:
        """``budgets`` with the names of their projects; what has fired keeps its key."""
        if self.key is None or budgets is None:
            return budgets
        by_project = {name for name, budget in settings.items() if budget.per == "project"}

        def shown(rows: pd.DataFrame) -> pd.DataFrame:
            groups = [
                self.of("project", group) if budget in by_project else group
                for budget, group in zip(rows["budget"], rows["group"], strict=True)
            ]
            return rows.assign(group=pd.Series(groups, index=rows.index, dtype="str"))

        return replace(budgets, table=shown(budgets.table), alerts=shown(budgets.alerts))

    def _columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``rows`` with other names; each distinct one is replaced once."""
        return rows.assign(
            **{
                column: _replaced(rows[column], lambda text, kind=kind: self.of(kind, text))
                for column, kind in KINDS.items()
                if column in rows
            }
        )

    def _of_findings(
        self, findings: pd.DataFrame, rules: Sequence[Rule], exclusions: Mapping[str, str]
    ) -> pd.DataFrame:
        """Findings with the same, also in their evidence and in what decided them."""
        rows = self._columns(findings).assign(
            exclusion=_replaced(findings["exclusion"], lambda text: exclusions.get(text, _HIDDEN)),
            evidence=_replaced(findings["evidence"], self._evidence),
        )
        # Rules can share a condition, whose value is replaced once.
        deciding = dict(each for rule in rules for each in rule.deciding)
        for decided_by, clause in deciding.items():
            if clause.measure not in KINDS:
                continue
            is_its = (findings["decided_by"].astype("object") == decided_by).to_numpy(bool)
            for column, write in (
                ("decided_by", lambda _old, by=decided_by, c=clause: self._decided_by(by, c)),
                ("decided_limit", lambda _old, c=clause: _json(self._clause(c).limit)),
                ("decided_value", lambda old, c=clause: self._value(c.measure, old)),
            ):
                cells = rows[column].astype("object")
                rows[column] = cells.where(~is_its, _replaced(cells, write)).astype(
                    rows[column].dtype if not _is_coded(rows[column]) else "category"
                )
        return rows

    def _evidence(self, text: str) -> str:
        if not any(f'"{column}"' in text for column in KINDS):
            return text
        values: dict[str, Any] = msgspec.json.decode(text)
        return _json(
            {
                name: self.of(KINDS[name], value)
                if name in KINDS and isinstance(value, str)
                else value
                for name, value in values.items()
            }
        )

    def _value(self, measure: str, text: str) -> str:
        value = msgspec.json.decode(text)
        return _json(self.of(KINDS[measure], value)) if isinstance(value, str) else text

    def _decided_by(self, decided_by: str, clause: Clause) -> str:
        return decided_by.removesuffix(clause.id) + self._clause(clause).id

    def _rule(self, rule: Rule) -> Rule:
        return replace(
            rule,
            applies=tuple(map(self._clause, rule.applies)),
            needs=tuple(map(self._clause, rule.needs)),
            when=tuple(map(self._clause, rule.when)),
        )

    def _clause(self, clause: Clause) -> Clause:
        if clause.measure not in KINDS or not isinstance(clause.limit, tuple):
            return clause
        kind = KINDS[clause.measure]
        return replace(clause, limit=tuple(self.of(kind, text) for text in clause.limit))

    def _exclusion(self, exclusion: Exclusion) -> Exclusion:
        return msgspec.structs.replace(
            exclusion,
            match=self.of("exclusion", exclusion.match),
            owner=self.owner(exclusion.owner),
            reason=_HIDDEN,
        )


REAL_NAMES = Names(None)


def names_of(job: Job) -> Names:
    """The names as a report of these settings shows them."""
    if not job.settings.report.hide_names:
        return REAL_NAMES
    key = stored_key(job.store)
    if key is None:
        key = pseudonyms.new_key()
        job.store.put_state(STATE, key)
    return Names(key)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _is_coded(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _replaced(column: pd.Series[Any], write: Any) -> pd.Series[Any]:  # noqa: ANN401 - of one text
    """``column`` with each distinct text replaced; what is null stays null, its type its type."""
    codes, kinds = pd.factorize(column.astype("object"), use_na_sentinel=True)
    texts = [*(write(str(kind)) for kind in kinds), None]
    values = pd.Series([texts[code] for code in codes], index=column.index, dtype="object")
    return values.astype("category" if _is_coded(column) else column.dtype)
