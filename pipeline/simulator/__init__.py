"""The List Clusters API over a synthetic fleet with a clock of its own.

It is what ``fleetledger demo`` and ``simulate`` serve and what the tests extract from: the real
client walks it over real HTTP, and the fleet object knows the truth that a report can be held to.
"""

from __future__ import annotations

from importlib.util import find_spec

from pipeline.errors import SettingsError

for _library in ("starlette", "uvicorn"):
    if find_spec(_library) is None:
        raise SettingsError(
            f"the simulated API needs the extra 'simulator' ({_library} is missing): "
            "pip install 'fleetledger[simulator]'"
        )
