"""FleetLedger: where each dollar of a rented GPU fleet went, and how much of it was wasted.

In a notebook::

    import pipeline as fl
    store = fl.open_store("data")
    store.spend("project_id")
    fl.charts.spend_by_day(store)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline.notebook import charts, open_store

__all__ = ["__version__", "charts", "open_store"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module or a function
    """The notebook interface, imported when it is used: importing pipeline stays cheap."""
    if name in ("charts", "open_store"):
        from pipeline import notebook  # noqa: PLC0415 - see above

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
