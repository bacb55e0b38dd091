"""Whether a report can be made here: draws a chart and fills in a mail, and keeps neither."""

from __future__ import annotations

import pandas as pd

from pipeline.report import chart_images, charts
from pipeline.report.model import Failure
from pipeline.report.output import render


def rehearse() -> None:
    """Use every library that a report is made with, as it is used there.

    Raises:
        Exception: of the library that failed.
    """
    rows = [{"position": "a", "name": "a", "start": 0.0, "end": 1.0, "text": "1", "tip": "a: 1"}]
    chart_images.png(chart_images.svg(charts.waterfall(pd.DataFrame(rows)), "a"), 300)
    render.load_templates()
    empty = Failure(subject="", title="", reasons=(), known="", link="")
    render.failure_text(empty)
    render.failure_html(empty)
