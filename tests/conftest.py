"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is slow at times: speed is measured in benchmarks, never in a test.
# The same examples each time: a change is judged by what it changed, not by the dice.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
