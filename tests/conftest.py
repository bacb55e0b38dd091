"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is slow at times: speed is measured in benchmarks, never in a test.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
