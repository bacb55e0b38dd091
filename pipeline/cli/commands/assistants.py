"""The command mcp: answers for an assistant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Command, current_options
from pipeline.cli.run import run
from pipeline.errors import SettingsError, install_extra

if TYPE_CHECKING:
    from pipeline.jobs import Job


@click.command(cls=Command)
def mcp() -> None:
    """Answer an assistant by the Model Context Protocol.

    The assistant's program starts this command and talks to it on stdin and stdout. The tools only
    read: spend, findings, why, changes, forecast, what_if. They need no key and no network.
    """

    def action(job: Job) -> dict[str, object]:
        try:
            from pipeline.assistants.server import serve
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in ("mcp", "mcp_types"):
                raise
            raise SettingsError(
                f"the command mcp needs {error.name}; {install_extra('mcp')}"
            ) from error
        from pipeline.assistants.api_text import ApiText
        from pipeline.assistants.tools import Tools
        from pipeline.jobs.hidden_names import stored_key
        from pipeline.notebook.open_store import OpenStore

        def open_store(warnings: list[str]) -> OpenStore:
            return OpenStore(job.store, settings=job.settings, now=job.now, warn=warnings.append)

        scrub = current_options().streams.redactor.scrub
        hides = job.settings.mcp.hide_names
        key = stored_key(job.store) if hides else None
        serve(Tools(open_store, ApiText(hides=hides, scrub=scrub, key=key)))
        return {}

    run("mcp", action, is_recorded=False, needs_data=True)


COMMANDS = (mcp,)
