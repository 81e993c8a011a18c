"""Propose settings and local mappings from a look at a database; see `propose.look_at`."""
