"""A story whose shop, or state, lies on a real server."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from connector.drivers import LOCK_S
from connector.local.opening import open_local
from connector.store.database import open_engine
from tests.story import Story

_KEY = "INTEGER PRIMARY KEY AUTOINCREMENT"
_IN_WORDS = {
    "postgresql": {_KEY: "SERIAL PRIMARY KEY", "ends TEXT": "ends DATE"},
    "mysql": {_KEY: "INT PRIMARY KEY AUTO_INCREMENT", "ends TEXT": "ends DATE"},
}
"""What the tables of `tests.scenery` are called elsewhere."""


class ServerStory(Story):
    """`where`: the URL of an empty database for the shop, `state_at`: one for the state."""

    lock_s = LOCK_S

    def __init__(self, *, where: str, state_at: str | None = None, **how: Any) -> None:
        self._where, self._state_at = where, state_at
        super().__init__(**how)

    def open_shop(self) -> sa.Engine:
        engine = open_local(self._where, "Asia/Shanghai", self.lock_s)
        self._postgres = engine.dialect.name == "postgresql"
        for ours, theirs in _IN_WORDS["postgresql" if self._postgres else "mysql"].items():
            self.shop = self.shop.replace(ours, theirs)
        self.make_tables(engine)
        return engine

    def open_state(self) -> sa.Engine:
        return open_engine(self._state_at) if self._state_at else super().open_state()

    def sql(self, statement: str, **values: Any) -> Any:
        if not self._postgres:
            return super().sql(statement, **values)
        inserting = statement.startswith("INSERT")
        if inserting:
            statement += " RETURNING " + ("no" if "INTO clients" in statement else "id")
        with self.shop_engine.begin() as tx:
            done = tx.execute(sa.text(statement), values)
            if inserting:
                return done.scalar_one()
            return done.mappings().all() if done.returns_rows else None
