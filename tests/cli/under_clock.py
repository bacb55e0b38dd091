"""The program on a machine with another clock: ``python -m tests.cli.under_clock TIME ARGS...``."""

from __future__ import annotations

import sys
from datetime import datetime, tzinfo

from pipeline.cli import main, run


class Fixed(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.fromisoformat(moment).astimezone(tz)


if __name__ == "__main__":
    moment = sys.argv.pop(1)
    run.datetime = Fixed  # type: ignore[misc]
    main()
