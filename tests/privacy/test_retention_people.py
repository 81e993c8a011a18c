"""A customer over the policy's term is erased like anybody who asks for it, with a receipt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.errors import SafetyStopError
from connector.plugin import Kind
from connector.rights.facade import Rights
from connector.settings import PrivacySettings
from connector.store.database import Hook
from connector.sync import retaining
from connector.sync.beside import Beside
from connector.sync.counts import Limits
from tests.privacy.kept import LAST, Kept
from tests.story import C, Died

PEOPLE = """
retention:
  - {kind: customer, after: P3Y, from: last_contact_at, action: erase_record}
"""


class Shop(Kept):
    """A shop that notes when it last heard of a client."""

    def rights(self, rule: str | None = "delete") -> Rights:
        settings = PrivacySettings.model_validate({"local_erasure": rule})
        return Rights(lambda progress, hook: self.beside(), settings)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    key = next(k for k in LAST if "consent.marketing.email" in k)
    seen = "  last_contact_at: {column: last_seen, lens: datetime}\n"
    made = Shop(tmp_path, PEOPLE, local={**LAST, key: LAST[key] + seen})
    made.person("王伟", mail="w@example.test", last_seen="2023-02-10 09:00:00")
    made.person("李娜", mail="l@example.test", last_seen="2025-02-10 09:00:00")
    made.person("张三", mail="z@example.test")
    made.remark(1, "hers", None)
    made.settle()
    assert set(made.people()) == {"王伟", "李娜", "张三"}
    yield made
    made.close()


def test_who_is_over_the_term_is_erased_once_with_a_receipt(shop: Shop) -> None:
    assert shop.rights().expire() == []
    shop.days(11)
    [receipt] = shop.rights().expire()
    assert receipt.state == "done" and {one.place for one in receipt.places} >= {"local", "crm"}
    assert set(shop.people()) == {"李娜", "张三"}
    assert [row["full_name"] for row in shop.sql("SELECT full_name FROM clients")] == [
        "李娜",
        "张三",
    ]
    assert shop.sql("SELECT id FROM remarks") == [] and shop.causes("retention") > 0
    shop.days(2)
    assert shop.rights().expire() == [] and set(shop.people()) == {"李娜", "张三"}


def test_it_is_looked_once_a_day_unless_it_is_asked_for(shop: Shop) -> None:
    shop.rights().expire()
    shop.sql("UPDATE clients SET last_seen = '2001-01-01' WHERE no = 1")
    assert shop.rights().expire() == []
    assert len(shop.rights().expire(today=True)) == 1


def test_more_people_than_the_limit_are_a_stop_before_the_first(shop: Shop) -> None:
    shop.setup = replace(shop.setup, max_delete=Limits(5, 1))
    shop.sql("UPDATE clients SET last_seen = '2001-01-01 00:00:00'")
    with pytest.raises(SafetyStopError, match="3 people") as caught:
        shop.rights().expire()
    assert "--max-delete" in (caught.value.hint or "") and len(shop.people()) == 3
    assert shop.rights().ledger() == []


def test_a_restricted_person_stays_and_is_counted(shop: Shop) -> None:
    shop.days(11)
    shop.restrict(1)
    assert shop.rights().expire() == [] and len(shop.people()) == 3
    with shop.store().read() as tx:
        [look] = [one for one in retaining.last_looks(tx) if one.kind == "people"]
    counts = look.counts["0"]
    assert (counts["over"], counts["restricted"], counts["no_start"]) == (1, 1, 1)


def test_where_the_host_erases_its_rows_itself_people_wait_for_it(shop: Shop) -> None:
    shop.days(11)
    assert shop.rights("callback").expire() == [] and len(shop.people()) == 3
    with shop.store().read() as tx:
        [look] = [one for one in retaining.last_looks(tx) if one.kind == "people"]
    assert look.waits == 1
    told: list[tuple[Kind, list[str]]] = []

    def erase(kind: Kind, keys: object) -> None:
        told.append((kind, list(keys)))  # type: ignore[call-overload]  # a sequence of text
        table, key = ("clients", "no") if kind is C else ("remarks", "id")
        shop.sql(f"DELETE FROM {table} WHERE {key} IN (1)")

    assert len(shop.rights("callback").expire(today=True, on_erase=erase)) == 1
    assert {kind for kind, _ in told} == {C, Kind.FEEDBACK} and len(shop.people()) == 2


def test_killed_in_the_middle_it_goes_on_the_next_time(shop: Shop) -> None:
    shop.days(11)

    def dies(point: str) -> None:
        if point == "before step: rows":
            raise Died

    rights = shop.rights()
    rights.made = lambda progress, hook: _with_hook(shop, hook)
    with pytest.raises(Died):
        rights.expire(hook=dies)
    shop.later(minutes=30)
    assert len(shop.people()) == 2, "the vendors were first"
    [receipt] = shop.rights().expire(today=True)
    assert receipt.state == "done" and len(shop.sql("SELECT no FROM clients")) == 2


def _with_hook(shop: Shop, hook: Hook) -> Beside:
    beside = shop.beside()
    beside.ports.hook = hook
    return beside
