"""Writes the reference pages from the code: what they say of a setting or an option is the code's.

`python -m tools.reference` renews `docs/reference/`; a test compares.
"""
