"""A vendor in memory, the hands of its people, and the tests that every plugin passes."""
