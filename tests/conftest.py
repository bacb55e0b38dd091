"""Settings of all tests."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a shared machine is slow at times, and speed is measured by benchmarks, not tests.
# The same examples in every run: a failure comes from the change, not from chance.
settings.register_profile("fleetledger", deadline=None, derandomize=True)
settings.load_profile("fleetledger")
