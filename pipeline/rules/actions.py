"""What can be done about a finding, and what doing it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """One action, by its stable id."""

    id: str
    effort: str
    risk: str
    rollback: str


ACTIONS = {
    action.id: action
    for action in (
        Action("terminate", "low", "high: its disks are deleted", "none: create it again"),
        Action("stop", "low", "low: running work ends", "start it again"),
        Action(
            "schedule",
            "medium",
            "low: it is not available outside its hours",
            "remove the schedule",
        ),
        Action("resize", "high", "medium: peaks run slower", "create the former size again"),
        Action("move", "high", "medium: another offer or region", "move back"),
        Action("review", "low", "none", "nothing to undo"),
    )
}
"""In the order in which equal savings are preferred."""
