"""``summary.json``: the headline and the report's numbers for machines, money in micros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pipeline.report.model import ReportView

FORMAT = 1
"""Changes when a key is taken away or means something else."""


def summary_json(view: ReportView) -> bytes:
    """The file's content."""
    document = {
        "format": FORMAT,
        "title": view.title,
        **msgspec.to_builtins(view.totals),
        **view.numbers.as_json(),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
