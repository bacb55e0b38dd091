"""The notebook interface: the stored data, and all that is derived from it, as plain DataFrames.

::

    import pipeline as fl
    store = fl.open_store("data")
    store.spend("project_id")
    fl.charts.spend_by_day(store)

A figure has the name, the window and the value that it has in the report and in the commands, since
all of them come from the same functions. Nothing here writes to the store.

Money is there twice: exact, in integer micros (``spend_micros``), and beside it as a float of the
account's currency (``spend``), for people and charts. Add up micros, not floats. Null means
unknown; zero means zero. docs/columns.md has the columns, units and dtypes.
"""

from __future__ import annotations

from pipeline.notebook import charts
from pipeline.notebook.open_store import OpenStore, open_store

__all__ = ["OpenStore", "charts", "open_store"]
