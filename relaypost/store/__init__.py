"""Memory that survives. It remembers and locks; it decides nothing."""
