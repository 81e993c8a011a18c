"""The state: what the engine remembers between runs. Values come sealed and leave sealed.

`tables` is the only definition, `database` opens it, brings an older state to it and gives fenced
transactions. A module for each table: `scopes`, `links`, `claims`, `staged` (with `starts`),
`intents`, `conflicts`, `events`. `tally` counts, `erasing` ends a person, `copies` and `rows` help.
"""
