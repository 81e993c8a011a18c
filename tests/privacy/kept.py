"""A story whose policy says how long feedback is kept: a shop with the day on which it was closed,
and two vendors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.testing.world import PERFECT
from tests.privacy.ruled import LOCAL, POLICY, SHOP_WITH_FACTS, Ruled
from tests.story import C, F

SHOP = SHOP_WITH_FACTS.replace("score INTEGER", "score INTEGER, closed TEXT, note TEXT").replace(
    "country TEXT,", "country TEXT, last_seen TEXT,"
)
FIELDS = """
retention:
  - {kind: feedback, after: P24M, from: resolved_at, action: erase_fields, classes: [text.body]}
"""
RECORDS = """
retention:
  - {kind: feedback, after: P24M, from: resolved_at, action: erase_record}
"""
TITLED = POLICY.replace(
    "  text.feedback: {personal: true, store: seal, scan: [phone, email, cnid]}\n",
    "  text.body: {personal: true, store: seal}\n",
).replace(
    "destinations:\n",
    "fields: {feedback.text: text.body, feedback.resolution: text.body,"
    " customer.custom.last_seen: system.time}\ndestinations:\n",
)
TITLED = TITLED.replace("membership, feedback, text.feedback]", "membership, feedback, text.*]")
LAST: Mapping[str, str] = {
    **LOCAL,
    "  text: {column: body, lens: text}\n": """\
  text: {column: body, lens: text}
  resolution: {column: note, lens: text}
  resolved_at: {column: closed, lens: datetime}
""",
}


class Kept(Ruled):
    """`remark` makes feedback; the clock stands at the end of January 2026."""

    def __init__(self, folder: Path, retention: str = FIELDS, **how: Any) -> None:
        told = {"others": {"two": PERFECT}, "kinds": (C, F), "shop": SHOP, "local": LAST, **how}
        super().__init__(folder, TITLED + retention, **told)

    def keep(self, retention: str) -> None:
        """Other terms from the next run on."""
        self.rule(TITLED + retention)

    def remark(self, client: int, body: str, closed: str | None, **columns: Any) -> int:
        told = {"client": client, "title": "t", "body": body, "closed": closed, **columns}
        names, bound = ", ".join(told), ", ".join(f":{n}" for n in told)
        return int(self.sql(f"INSERT INTO remarks ({names}) VALUES ({bound})", **told))

    def bodies(self, name: str = "crm") -> list[Any]:
        return sorted((d["fields"].get("Body") for d in self.vendors[name].dump(F)), key=str)

    def row(self, number: int) -> dict[str, Any]:
        [found] = self.sql("SELECT * FROM remarks WHERE id = :n", n=number)
        return dict(found)

    def days(self, count: int) -> Any:
        """A day's run, so many days later."""
        self.clock.move(dt.timedelta(days=count))
        return self.run()

    def causes(self, cause: str) -> int:
        with self.store().read() as tx:
            found = tx.exec_driver_sql(f"SELECT count(*) FROM event WHERE cause = '{cause}'")
            return int(found.scalar_one())
