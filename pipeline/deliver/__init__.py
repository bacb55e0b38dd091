"""A finished report leaves the machine: by mail."""
