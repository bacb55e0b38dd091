"""What may be claimed at a grade, in words."""

from __future__ import annotations

from pipeline.rules import PROVEN


def is_proven(grade: str | None) -> bool:
    """Whether a finding's claim is proven; a rule without grades is certain of what it finds."""
    return grade in (None, PROVEN)


def wasted(grade: str | None) -> str:
    """What an amount of provable waste was, after the amount."""
    return (
        "was provably wasted" if is_proven(grade) else f"may have been wasted: {grade}, not proven"
    )
