"""Delivery of a finished report by mail."""
