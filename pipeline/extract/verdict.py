"""What a walk may claim, in one word and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.model import State


@dataclass(frozen=True)
class Verdict:
    """A state and the sentence that justifies it."""

    state: State
    proof: str
