"""A report for each owner about their clusters alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import SettingsError
from pipeline.jobs.report_build import build_report, report_inputs
from pipeline.jobs.report_mail import message, slug
from pipeline.transform.findings.owners import mail_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.report_build import ReportContext
    from pipeline.jobs.stored_inputs import StoredInputs
    from pipeline.report.inputs import ReportInputs


def owner_files(
    job: Job, context: ReportContext, stored: StoredInputs, findings: pd.DataFrame
) -> dict[str, bytes]:
    """For each owner with an address and clusters: their report as page, CSV and mail.

    An invalid address costs that owner's mail, not the report.
    """
    files: dict[str, bytes] = {}
    for owner, address in mail_of(context.policy.owners).items():
        owned = stored.of_owner(owner)
        if owned.last_days(context.day, context.settings.report.window_days).empty:
            continue
        inputs = _owner_inputs(owner, context, owned, findings)
        view, report_files = build_report(inputs)
        name = slug(owner)
        files[f"report-{name}.html"] = report_files["report.html"]
        files[f"findings-{name}.csv"] = report_files["findings.csv"]
        if context.settings.mail.when == "findings" and not view.totals.with_findings:
            continue
        mail = msgspec.structs.replace(context.settings.mail, to=(address,))
        try:
            files[f"mail-{name}.eml"] = message(job, mail, context.day, inputs, view, report_files)
        except SettingsError as error:
            job.note_error(SettingsError(f"owner {owner!r}: {error}"))
    return files


def _owner_inputs(
    owner: str, context: ReportContext, owned: StoredInputs, findings: pd.DataFrame
) -> ReportInputs:
    """The inputs of an owner's report: of exclusions only those that cover their findings."""
    own_findings = findings[(findings["owner"] == owner).to_numpy(bool)]
    inputs = replace(report_inputs(context, owned, own_findings), owner=owner)
    if inputs.exclusion_costs is None:
        return inputs
    costs = inputs.exclusion_costs[inputs.exclusion_costs["findings"] > 0]
    return replace(inputs, exclusion_costs=costs if len(costs) else None)
