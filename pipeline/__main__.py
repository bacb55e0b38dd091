"""``python -m pipeline``: the same as ``fleetledger``."""

from pipeline.cli import main

main()
