"""A simulated List Clusters API: a synthetic fleet with its own clock.

``fleetledger demo`` and ``simulate`` serve it, and tests extract from it over real HTTP. The fleet
object knows the true spend and running time, with which a report can be compared.
"""

from __future__ import annotations

from importlib.util import find_spec

from pipeline.errors import SettingsError, install_extra

for _library in ("starlette", "uvicorn"):
    if find_spec(_library) is None:
        raise SettingsError(f"the simulated API needs {_library}; {install_extra('simulator')}")
