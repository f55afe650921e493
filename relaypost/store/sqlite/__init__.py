"""The embedded store: SQLite in WAL mode behind one writer thread."""
