"""Answers for assistants: read-only tools over the store, by the Model Context Protocol.

``tools`` asks the notebook interface, so that an answer has the figures of the report; ``answers``
are its types; ``server`` connects the tools to the protocol's SDK, which is an extra.
"""
