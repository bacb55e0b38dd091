"""FleetLedger: where each dollar of a rented GPU fleet went, and which of it was wasted."""

__version__ = "0.1.0"
