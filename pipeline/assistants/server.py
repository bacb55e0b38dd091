"""The tools as a server of the Model Context Protocol, over stdin and stdout.

Each tool is registered from its method: its arguments and its answer give the schemas that the
client gets, its docstring the description.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from pipeline.assistants.answers import NOTICE
from pipeline.errors import FleetLedgerError
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    from pipeline.assistants.tools import Tools

    Arguments = ParamSpec("Arguments")
    Made = TypeVar("Made")

INSTRUCTIONS = (
    "FleetLedger knows what a fleet of rented GPU clusters cost on each day, which clusters waste "
    "money and how certain that is. All tools only read. Never state a figure without its window, "
    "its grade and its bounds: a likely or suspected finding is not a proven one, a null is "
    f"unknown and not zero, and a saving is a condition. {NOTICE}"
)
_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


def server(tools: Tools) -> MCPServer[None]:
    """A server with every tool."""
    made: MCPServer[None] = MCPServer(
        "fleetledger", version=__version__, instructions=INSTRUCTIONS, log_level="ERROR"
    )
    for method in (
        tools.spend, tools.findings, tools.why, tools.changes, tools.forecast, tools.what_if,
    ):  # fmt: skip
        made.add_tool(_in_one_line(method), annotations=_READS, structured_output=True)
    return made


def serve(tools: Tools) -> None:
    """Answer until the client closes stdin."""
    server(tools).run("stdio")


def _in_one_line(method: Callable[Arguments, Made]) -> Callable[Arguments, Made]:
    """``method``, whose errors reach the assistant as the line that a command would print."""

    @wraps(method)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Made:
        try:
            return method(*args, **kwargs)
        except FleetLedgerError as error:
            raise ToolError(str(error)) from error

    return call
