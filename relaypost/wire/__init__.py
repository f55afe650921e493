"""The language of QStash, both ways: names, headers, JSON fields and error texts live here only."""
