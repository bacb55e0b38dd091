"""A report for each owner about their clusters alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.channel_message import encode
from pipeline.errors import SettingsError
from pipeline.jobs import channel_text
from pipeline.jobs.report_build import build_report, report_inputs
from pipeline.jobs.report_mail import message
from pipeline.report.text.names import slug
from pipeline.transform.findings.owners import mail_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.hidden_names import Names
    from pipeline.jobs.report_build import ReportContext
    from pipeline.jobs.stored_inputs import StoredInputs
    from pipeline.report.inputs import ReportInputs


def owner_files(
    job: Job, context: ReportContext, stored: StoredInputs, findings: pd.DataFrame, names: Names
) -> dict[str, bytes]:
    """For each owner with clusters and an address or a webhook: their report as page, CSV, and
    mail or message.

    An invalid address costs that owner's mail, not the report. ``names``: how ``stored`` and
    ``findings`` show them.
    """
    files: dict[str, bytes] = {}
    addresses = mail_of(context.policy.owners) if context.settings.mail.per_owner else {}
    channels = {hook.owner for hook in context.settings.webhooks.values() if hook.owner}
    for real in [*addresses, *sorted(channels - addresses.keys())]:
        owner = names.owner(real)
        owned = stored.of_owner(owner)
        if owned.last_days(context.day, context.settings.report.window_days).empty:
            continue
        inputs = names.inputs(_owner_inputs(owner, context, owned, findings))
        view, report_files = build_report(inputs)
        name = slug(owner)
        files[f"report-{name}.html"] = report_files["report.html"]
        files[f"findings-{name}.csv"] = report_files["findings.csv"]
        if real in channels:
            channel = channel_text.channel_message(inputs, view, context.day)
            files[channel_text.file_of(owner)] = encode(channel)
        if real not in addresses:
            continue
        if context.settings.mail.when == "findings" and not view.totals.with_findings:
            continue
        mail = msgspec.structs.replace(context.settings.mail, to=(addresses[real],))
        try:
            files[f"mail-{name}.eml"] = message(job, mail, context.day, inputs, view, report_files)
        except SettingsError as error:
            job.note_error(SettingsError(f"owner {real!r}: {error}"))
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
