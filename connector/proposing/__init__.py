"""Propose settings and local mappings from a look at a database.

`facts.py` looks (`rights.py` and `structure.py` read what is declared) and gives `found.py`'s
values; `propose.py` decides with `columns.py`, `people.py`, `elsewhere.py` and `rows.py`, by the
words of `words.py` and `hints.py`; `write.py` writes a `proposal.py` down.
"""
