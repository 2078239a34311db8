"""The tests; the tree mirrors the sources."""
