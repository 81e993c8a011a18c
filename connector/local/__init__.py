"""The back office's side: what a host promises (`contract`), and three ways to keep it.

Tables: `sql` over `table`, `references`, `writing` and `blanking`, opened by `opening` or lent by
the host (`borrowed`); `dialects` has what differs from one database to the next. `capture`, `notes`
and `triggers` notice changes; `status` says whether they do. Files: `files` over `lines` and
`places`, read only. A side that the host writes: `side`. `shapes` and `keys` are common to all,
`foreseen` shows rows as a plan would leave them, `idmap` reads an earlier integration's ids.
"""
