"""Patterns with ``*`` and ``?`` over a cluster's id, name, project and template."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

MATCHED = ("cluster_id", "name", "project_id", "template_id")


def matches(pattern: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows whose id, name, project or template, if the frame has it, matches ``pattern``."""
    hit = np.zeros(len(frame), dtype=bool)
    wanted = re.compile(translate(pattern))
    for column in MATCHED:
        if column in frame:
            codes, distinct = pd.factorize(frame[column], use_na_sentinel=True)
            fits = [wanted.match(str(value)) is not None for value in distinct]
            hit |= np.array([*fits, False], dtype=bool)[codes]
    return hit
