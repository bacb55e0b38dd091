"""The List Clusters API over a synthetic fleet with a clock of its own.

It is what ``fleetledger demo`` and ``simulate`` serve and what the tests extract from: the real
client walks it over real HTTP, and the fleet object knows the truth that a report can be held to.
"""
