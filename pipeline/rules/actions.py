"""What can be done about a finding, and what doing it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One of the vendor's documented requests."""

    method: str
    path: str
    """Below the cluster's."""
    does: str


@dataclass(frozen=True)
class Action:
    """One action, by its stable id."""

    id: str
    effort: str
    risk: str
    because: str
    """What the risk is."""
    rollback: str | None
    """None: it cannot be undone."""
    remains: str = ""
    """What is still charged afterwards."""
    calls: tuple[Call, ...] = ()
    """That carry it out."""
    instead: str = ""
    """When another action is right, and which."""


_DELETE = Call("DELETE", "", "Terminate it")
_STOP, _START = Call("POST", "/stop", "Stop it"), Call("POST", "/start", "Start it")

ACTIONS = {
    action.id: action
    for action in (
        Action(
            "terminate",
            "low",
            "high",
            "its disks are deleted",
            None,
            "nothing for the cluster; perhaps disk snapshots that the vendor keeps",
            (_STOP, _DELETE),
            "to keep its storage, stop it",
        ),
        Action(
            "stop",
            "low",
            "low",
            "running work ends",
            "start it again",
            "its instance volume",
            (_STOP,),
        ),
        Action(
            "schedule",
            "medium",
            "low",
            "it is not available outside its hours",
            "remove the schedule",
            "its instance volume while it is stopped",
            (_STOP, _START),
        ),
        Action(
            "resize",
            "high",
            "medium",
            "peaks run slower",
            "create it again at its former size",
            "the GPUs that remain",
        ),
        Action(
            "move",
            "high",
            "medium",
            "the offer or region changes",
            "move back",
            "the price of the other offer",
        ),
        Action("review", "low", "none", "nothing is changed", "nothing to undo"),
    )
}
"""In the order in which equal savings are preferred."""
