"""Output for a terminal: progress bars on stderr, tables on stdout."""
