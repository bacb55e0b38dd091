"""Do these first: the actions that save most money, proven ones before likely ones.

One row per cluster: its counted finding, which is the best of the alternatives. So the savings of
the rows add up, and with those of the actions that are not shown they are the report's total.
"""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pipeline.addresses import is_loopback
from pipeline.report.cluster_rows import key_of, keys_of, records_of
from pipeline.report.model import Fact, FirstAction, FirstActions
from pipeline.report.sections.finding_details import detail, sentence
from pipeline.report.text import names
from pipeline.report.text.action_text import (
    advice,
    arithmetic,
    imperative,
    measured,
    undo,
    with_gpu_need,
)
from pipeline.report.text.numbers import (
    UNKNOWN,
    Money,
    by_grade,
    count_of,
    day_short,
    known,
)
from pipeline.rules import ACTIONS, CLEAR, FINDING, GRADES, IDLE, IDLE_LOADED
from pipeline.schema import CLUSTER_KEY
from pipeline.settings import Api
from pipeline.transform.findings.by_cluster import open_findings, repeated_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.rules import Call
    from pipeline.settings import Settings

    Record = Mapping[Any, Any]

_SHOWN = 10
_NO_OWNERS = "No owners are named: set owners_file, or ask the project."


def first_actions(inputs: ReportInputs) -> FirstActions:
    """The first ten actions, and a line about the others."""
    rows = _ranked(inputs.open_findings)
    shown = rows.head(_SHOWN)
    evidence = records_of(with_gpu_need(inputs.evidence), keys_of(shown))
    repeated = repeated_ids(inputs.open_findings)
    return FirstActions(
        summary=_summary(rows, inputs.money) or _nothing(inputs.findings),
        rows=tuple(
            _action(inputs, record, evidence.get(key_of(record), {}), repeated)
            for record in shown.to_dict("records")
        ),
        more=_more(rows.iloc[_SHOWN:], inputs.money),
        owners="" if inputs.has_owners else _NO_OWNERS,
    )


def first_clusters(findings: pd.DataFrame) -> pd.DataFrame:
    """Account and id of the clusters whose actions are shown."""
    return _ranked(findings).head(_SHOWN)[CLUSTER_KEY]


def _ranked(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings whose saving counts: proven, then likely; most saved first."""
    rows = open_findings(findings)
    rows = rows[rows["counted_saving_micros"].fillna(0) > 0]
    place = rows["grade"].astype("object").map({grade: n for n, grade in enumerate(GRADES)})
    return rows.assign(place=place.fillna(len(GRADES))).sort_values(
        ["place", "counted_saving_micros", *CLUSTER_KEY],
        ascending=[True, False, True, True],
        kind="stable",
    )


def _action(
    inputs: ReportInputs, row: Record, evidence: Record, repeated: frozenset[str]
) -> FirstAction:
    money, action = inputs.money, ACTIONS[str(row["action"])]
    owner = known(row["owner"])
    cluster_id = str(row["cluster_id"])
    run_rate = money.rounded(known(row["run_rate_saving_micros"]))
    saving = money.rounded(int(row["counted_saving_micros"]))
    return FirstAction(
        anchor=names.anchor(cluster_id, str(row["account"]) if cluster_id in repeated else None),
        ticket=f"ticket-{names.slug(str(row['rule_id']), str(row['account']), cluster_id)}.md",
        action=imperative(action.id, evidence),
        name=names.label(known(row["name"]), cluster_id),
        cluster_id=names.shown(cluster_id),
        where=" · ".join(
            f"{what} {names.shown(str(part))}"
            for what, part in (("project", known(row["project_id"])), ("owner", owner))
            if part
        ),
        saving=saving,
        run_rate="" if run_rate == saving else run_rate,
        grade=str(known(row["grade"]) or UNKNOWN),
        why=sentence(row, inputs.rule_text),
        since=_since(row, evidence),
        takes=f"{action.effort} effort, {action.risk} risk",
        undo=undo(action),
        is_final=action.rollback is None,
        instead=action.instead,
        facts=tuple(
            Fact(term=term, value="", meaning=text)
            for term, text in (
                ("What to do", advice(action.id)),
                ("Risk", f"{action.risk}: {action.because}"),
                ("Still charged", action.remains),
                ("Evidence", detail(row, inputs.rule_text)),
                ("Arithmetic", arithmetic(action.id, measured(row, evidence), money)),
            )
            if text
        ),
        calls=tuple(
            Fact(
                term=call.does,
                value=_command(inputs.settings, str(row["account"]), cluster_id, call),
                meaning="",
            )
            for call in action.calls
        ),
    )


def _since(row: Record, evidence: Record) -> str:
    """Since when it was not seen busy, or when it was found; empty if that is not known.

    The evidence begins there: a grade is reached later. "or earlier" where it was not seen busy in
    all of the rules' window, and is older.
    """
    since = known(row["since_at"] if _is_idle(row) else row["found_on"])
    if since is None or not _is_idle(row):
        return "" if since is None else f"found {day_short(since.date())}"
    created = known(evidence.get("created_at"))
    is_first = known(evidence.get("last_busy_at")) is None
    is_older = created is None or created < since - timedelta(hours=24)
    text = f"not seen busy since {day_short(since.date())}"
    return f"{text} or earlier" if is_first and is_older else text


def _is_idle(row: Record) -> bool:
    """Whether the finding is about doing no work, which has lasted since a moment."""
    return str(row["rule_id"]) in (IDLE.id, IDLE_LOADED.id)


def _command(settings: Settings, account: str, cluster_id: str, call: Call) -> str:
    """The vendor's documented request, as a shell command that reads the key from a variable."""
    own = settings.all_accounts.get(account)
    url = (own.url if own else None) or settings.api.url
    # The demo's own API lists clusters and changes none.
    url = Api().url if is_loopback(urlsplit(url).hostname or "") else url
    scheme = "" if ((own.auth if own else None) or settings.api.auth) == "bare" else "Bearer "
    target = shlex.quote(f"{url.rstrip('/')}/v2/clusters/{quote(cluster_id, safe='')}{call.path}")
    return f'curl -X {call.method} -H "Authorization: {scheme}$TENSORONE_API_KEY" {target}'


def _summary(rows: pd.DataFrame, money: Money) -> str:
    if rows.empty:
        return ""
    return (
        f"{count_of(len(rows), 'action')} would save {_saved(rows, money)} over the next 30 days, "
        "if the clusters otherwise stay as they are."
    )


def _saved(rows: pd.DataFrame, money: Money) -> str:
    grades = rows["grade"].astype("object").fillna("")
    saved = {
        grade: int(rows.loc[grades == grade, "counted_saving_micros"].sum())
        for grade in (*GRADES, "")
    }
    return by_grade(saved, money)


def _nothing(findings: pd.DataFrame) -> str:
    """Why there is no action."""
    if len(open_findings(findings)):
        return "No finding is certain enough for its saving to count."
    if findings["outcome"].isin([FINDING, CLEAR]).any():
        return "Nothing to do: there are no findings."
    return "Nothing could be judged, so there is nothing to do yet."


def _more(rest: pd.DataFrame, money: Money) -> str:
    if rest.empty:
        return ""
    verb = "saves" if len(rest) == 1 else "save"
    return f"{count_of(len(rest), 'more action')} {verb} {_saved(rest, money)}."
