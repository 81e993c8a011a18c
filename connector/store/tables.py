"""The state store's tables: the only definition of them.

Times are integer microseconds of the state database's clock. Columns marked *sealed* hold
envelopes that the engine made; the store never opens them. Ids compare byte by byte.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA_VERSION = 6

UPGRADES = {
    1: ("ALTER TABLE link ADD COLUMN listed_us BIGINT",),
    2: (
        "ALTER TABLE scope ADD COLUMN doubt TEXT",
        "ALTER TABLE scope ADD COLUMN fields_doc TEXT",
        "ALTER TABLE scope ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE staged ADD COLUMN starts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE intent ADD COLUMN starts INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX link_by_end ON link (keep_until_us)",
    ),
    3: (
        "DROP INDEX link_by_end",
        "CREATE INDEX link_by_end ON link (connection, kind, keep_until_us)",
    ),
    4: (
        "CREATE INDEX link_by_subject ON link (subject)",
        "CREATE INDEX event_by_link ON event (link)",
        "ALTER TABLE event ADD COLUMN note TEXT",
    ),
    5: (  # SQLite takes any name of a type; this one is PostgreSQL's
        "ALTER TABLE event ADD COLUMN kid INTEGER",
        "ALTER TABLE event ADD COLUMN doc_digest BYTEA",
        "ALTER TABLE event ADD COLUMN mac BYTEA",
    ),
}
"""The statements that make a schema of the next version out of each older one."""

metadata = sa.MetaData()

_Id = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
_Word = sa.String(40)


def _us(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""Store id, tenant, local store's id, generation, schema version."""

scope = sa.Table(
    "scope",
    metadata,
    sa.Column("connection", _Word, primary_key=True),
    sa.Column("kind", sa.String(255), primary_key=True),
    sa.Column("account", sa.Text),
    sa.Column("holder", sa.Text),
    sa.Column("fence", sa.BigInteger, nullable=False, default=0),
    _us("expires_us"),
    _us("since_us"),
    sa.Column("resume", sa.LargeBinary),
    sa.Column("listing", sa.LargeBinary),
    sa.Column("fingerprint", sa.Text),
    sa.Column("schema_doc", sa.Text),
    _us("schema_us"),
    sa.Column("mode", _Word, nullable=False, default="normal"),
    _us("not_before_us"),
    _us("tat_us"),
    _us("success_us"),
    sa.Column("doubt", sa.Text),
    sa.Column("fields_doc", sa.Text),
    sa.Column("deaths", sa.Integer, nullable=False, default=0, server_default="0"),
)
"""One row for each (connection, kind): its lease, cursor, account, metadata cache. `doubt` says why
nothing may be written before a reconcile (a word of `sync/place.py`).

Connection `local` is the observer of the local side. Rows of other kinds are no scopes:

    */NAME            a rate budget: `tat_us`, its rate as `fingerprint`, `not_before_us` its rest
    */secret/NAME     a secret slot: `resume` is sealed, `not_before_us` its end of life
    */pass/KIND       the last pass that ended well, from `since_us` to `success_us`
    */paused/KIND     a person's pause, since `since_us`
    */rows/KIND       the look at all rows of the shop; `listing` holds its pages
    */compare/KIND    the slow look at linked records
    */retention/KIND  the look for records over their term; `fields_doc` holds its counts
    */digests/KIND    under which mapping the digests of bases were made
    */bulk/KIND       a load's token, sealed in `resume`
"""

link = sa.Table(
    "link",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("connection", _Word, nullable=False),
    sa.Column("kind", _Word, nullable=False),
    sa.Column("local_id", _Id),
    sa.Column("remote_id", _Id),
    sa.Column("live", sa.SmallInteger),
    sa.Column("state", _Word, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, default=1),
    sa.Column("subject", sa.String(32)),
    sa.Column("parent", sa.String(32)),
    sa.Column("external_key", sa.String(32)),
    sa.Column("local_digest", sa.LargeBinary(16)),
    sa.Column("remote_digest", sa.LargeBinary(16)),
    sa.Column("remote_version", sa.String(64)),
    _us("remote_observed_us"),
    sa.Column("base", sa.LargeBinary),
    sa.Column("evidence", _Word),
    _us("keep_until_us"),
    _us("listed_us"),
    sa.UniqueConstraint("connection", "kind", "local_id", "live", name="one_live_local"),
    sa.UniqueConstraint("connection", "kind", "remote_id", "live", name="one_live_remote"),
    sa.Index("link_by_key", "connection", "kind", "external_key"),
    sa.Index("link_by_end", "connection", "kind", "keep_until_us"),
    sa.Index("link_by_subject", "subject"),
)
"""Link, base (sealed) and tombstone in one row; `live` is 1 or NULL (a tombstone)."""

claim = sa.Table(
    "claim",
    metadata,
    sa.Column("connection", _Word, primary_key=True),
    sa.Column("kind", _Word, primary_key=True),
    sa.Column("digest", sa.LargeBinary(20), primary_key=True),
    sa.Column("link", sa.String(32), nullable=False, index=True),
    sa.Column("rival", sa.String(32), index=True),
    sa.Column("contested", sa.SmallInteger, nullable=False, default=0),
)
"""Who holds an identity value, by its digest under an index key; during a rotation of that key a
value has a row for each (`claims.py`). `rival` is the first unlinked record of the other side with
it; `contested` says that a third one came."""

staged = sa.Table(
    "staged",
    metadata,
    sa.Column("connection", _Word, primary_key=True),
    sa.Column("kind", _Word, primary_key=True),
    sa.Column("side", _Word, primary_key=True),
    sa.Column("record", _Id, primary_key=True),
    sa.Column("version", sa.String(64), nullable=False, default=""),
    sa.Column("counter", sa.BigInteger, nullable=False, default=1),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("gone", _Word),
    sa.Column("origin", sa.Text),
    _us("observed_us"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    _us("not_before_us"),
    sa.Column("waits_for", sa.Text, index=True),
    sa.Column("reason", sa.Text),
    sa.Column("starts", sa.Integer, nullable=False, default=0, server_default="0"),
)
"""Records not yet decided. A local row is a mark without payload; a remote row without payload is
to be read by id. With a `reason` it is an inbound letter. `starts`: how often work on it was begun
and never ended; see `sync/attempts.py`."""

intent = sa.Table(
    "intent",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("connection", _Word, nullable=False),
    sa.Column("kind", _Word, nullable=False),
    sa.Column("link", sa.String(32), nullable=False),
    sa.Column("side", _Word, nullable=False),
    sa.Column("open", sa.SmallInteger),
    sa.Column("op", _Word, nullable=False),
    sa.Column("doc", sa.LargeBinary),
    sa.Column("state", _Word, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=1),
    sa.Column("fence", sa.BigInteger, nullable=False),
    _us("sent_us"),
    sa.Column("reason", sa.Text),
    sa.Column("starts", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.UniqueConstraint("link", "side", "open", name="one_open_intent"),
    sa.Index("intent_by_scope", "connection", "kind", "state"),
)
"""Writes decided on, stored before they are sent. With a `reason` one is an outbound letter."""

conflict = sa.Table(
    "conflict",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("connection", _Word, nullable=False),
    sa.Column("kind", _Word, nullable=False),
    sa.Column("link", sa.String(32), nullable=False),
    sa.Column("field", sa.String(120), nullable=False),
    sa.Column("open", sa.SmallInteger),
    sa.Column("doc", sa.LargeBinary),
    sa.Column("rule", _Word, nullable=False),
    sa.Column("state", _Word, nullable=False),
    sa.Column("who", sa.Text),
    sa.Column("reason", sa.Text),
    _us("at_us"),
    sa.UniqueConstraint("link", "field", "open", name="one_open_conflict"),
)
"""Fields (or groups) both sides moved, with both values sealed. State `open`, `chosen` (a person
said which side), or `left_out` (no conflict: an optional value the other side will not take)."""

event = sa.Table(
    "event",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    _us("at_us", nullable=False),
    sa.Column("run", sa.String(32), nullable=False),
    sa.Column("connection", _Word, nullable=False),
    sa.Column("kind", _Word, nullable=False),
    sa.Column("link", sa.String(32)),
    sa.Column("field", sa.String(120)),
    sa.Column("cause", sa.String(60), nullable=False),
    sa.Column("doc", sa.LargeBinary),
    sa.Column("note", sa.Text),
    sa.Column("kid", sa.Integer),
    sa.Column("doc_digest", sa.LargeBinary(32)),
    sa.Column("mac", sa.LargeBinary(32)),
    sa.Index("event_by_link", "link"),
    sqlite_autoincrement=True,
)
"""What was done and why, append only. `doc` is the loser's value, sealed; `note` is what a person
gave as the reason for looking, or the classes of data that a write told a vendor. `mac` is the
keyed hash under key `kid` over the hash before and all of the row, with `doc_digest` in place of
`doc`; entries of older releases have none."""

erasure = sa.Table(
    "erasure",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("mark", _Word, nullable=False),
    sa.Column("doc", sa.Text, nullable=False),
)
"""The copy of the erasure ledger that stands in the keys database, as JSON: whichever of the two is
put back from an older copy is told by the other who was erased since."""
