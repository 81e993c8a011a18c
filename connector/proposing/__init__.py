"""Propose settings and local mappings from a look at a database.

`facts` looks (`rights` and `structure` read what is declared, `looks` describes the values) and
gives the values of `found`; `propose` decides with `columns`, `people`, `elsewhere` and `rows`, by
the words of `words` and `hints`; `write` writes a `proposal` down.
"""
