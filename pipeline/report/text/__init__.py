"""How numbers, names and rules are written for readers."""
