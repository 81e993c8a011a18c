"""Two vendors and one shop: what is edited anywhere arrives everywhere, in one sync."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connector.errors import RateLimitedError
from connector.plugin import Kind, Op
from connector.testing.memory import MemoryVendor
from connector.testing.weather import Phase, Trouble, fair
from tests.story import C, F, M, Story, Tell
from tests.sync.hub import COUNTING, clients, make_hub, one, silent, written


@pytest.fixture
def hub(tell: Tell) -> Story:
    return make_hub(tell)


@pytest.mark.parametrize("origin", ["crm", "far"])
def test_an_edit_at_one_vendor_reaches_the_shop_and_the_other_in_one_sync(
    hub: Story, origin: str
) -> None:
    hub.client("Ada", mail="ada@example.test")
    hub.settle()
    source = hub.vendors[origin]
    source.edit(C, one(source)["ref"], {"Job": "smith"})
    hub.settle()
    assert clients(hub)[0]["job"] == "smith"
    assert {one(v)["fields"]["Job"] for v in hub.vendors.values()} == {"smith"}
    assert silent(hub)


@pytest.mark.parametrize("origin", ["crm", "far"])
def test_a_new_person_at_one_vendor_is_made_in_the_shop_and_at_the_other_in_one_sync(
    hub: Story, origin: str
) -> None:
    hub.settle()
    person = {"Last": "Ada", "Mail": "ada@example.test"}
    ref = hub.vendors[origin].create(C, person)
    hub.vendors[origin].create(M, {"Name": "K1", "Person": ref})
    hub.settle()
    assert len(clients(hub)) == 1
    for vendor in hub.vendors.values():
        named = one(vendor, M)["fields"]["Person"]
        assert (named["id"] if isinstance(named, dict) else named) == one(vendor)["ref"]
    assert silent(hub)


def test_a_person_whom_both_vendors_know_becomes_one_row(hub: Story) -> None:
    for vendor in hub.vendors.values():
        vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
    hub.settle()
    assert [row["mail"] for row in clients(hub)] == ["ada@example.test"]
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [1, 1]
    assert silent(hub)


def test_a_person_made_at_both_vendors_between_two_syncs_becomes_one_row(hub: Story) -> None:
    hub.settle()
    for vendor in hub.vendors.values():
        vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
    hub.settle()
    assert len(clients(hub)) == 1
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [1, 1]


@pytest.mark.parametrize("origin", ["crm", "far"])
def test_a_deletion_at_one_vendor_reaches_the_other(tell: Tell, origin: str) -> None:
    hub = make_hub(tell, replace(COUNTING, reports_removals=True))
    hub.client("Ada", mail="ada@example.test")
    hub.settle()
    source = hub.vendors[origin]
    source.remove(C, one(source)["ref"])
    hub.settle()
    assert clients(hub) == []
    assert [v.dump(C) for v in hub.vendors.values()] == [[], []]
    assert silent(hub)


def test_each_vendor_is_read_once_in_a_run_and_a_quiet_one_is_asked_little(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    hub.sql("INSERT INTO cards (client, card) VALUES (:n, 'K1')", n=number)
    hub.settle()
    hub.settle()
    before = {name: dict(vendor.calls) for name, vendor in hub.vendors.items()}
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "smith"})
    hub.settle()
    for name, vendor in hub.vendors.items():
        assert vendor.calls["changes"] - before[name]["changes"] == 3, "one page for each kind"
    before = {name: dict(vendor.calls) for name, vendor in hub.vendors.items()}
    hub.settle()
    hub.settle()
    for name, vendor in hub.vendors.items():
        done = {op: n - before[name].get(op, 0) for op, n in vendor.calls.items()}
        assert {op: n for op, n in done.items() if n} == {"account": 2, "changes": 6}


# --- runs without all connections -----------------------------------------------------------------


def test_changes_of_the_shop_are_kept_for_a_connection_that_takes_no_part(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    hub.settle()
    hub.only = ("crm",)
    hub.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    hub.client("Bo", mail="bo@example.test")
    hub.settle()
    assert one(hub.vendors["far"])["fields"].get("Job") is None
    hub.only = None
    hub.settle()
    assert {d["fields"]["Last"]: d["fields"].get("Job") for d in hub.vendors["far"].dump(C)} == {
        "Ada": "smith",
        "Bo": None,
    }
    assert silent(hub)


def test_a_deletion_in_the_shop_is_kept_for_a_connection_that_takes_no_part(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    hub.settle()
    hub.only = ("crm",)
    hub.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    hub.settle()
    hub.only = None
    hub.settle()
    assert hub.vendors["far"].dump(C) == []


def test_a_vendor_added_later_gets_what_the_shop_had_before(hub: Story) -> None:
    hub.only = ("crm",)
    for name in ("Ada", "Bo"):
        hub.client(name, mail=f"{name.lower()}@example.test")
    hub.settle()
    hub.only = None
    hub.settle()
    assert {d["fields"]["Last"] for d in hub.vendors["far"].dump(C)} == {"Ada", "Bo"}
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [2, 2]


def test_a_vendor_that_is_down_gets_its_changes_when_it_is_back(hub: Story) -> None:
    hub.client("Ada", mail="ada@example.test")
    hub.settle()
    far = hub.vendors["far"]
    far.weather = lambda operation, phase: Trouble.LOST_BEFORE
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "smith"})
    hub.later(seconds=300)
    assert hub.run().errors
    assert clients(hub)[0]["job"] == "smith"
    far.weather = fair
    hub.settle()
    assert one(far)["fields"]["Job"] == "smith"


def test_an_edit_made_while_a_long_run_writes_elsewhere_is_not_overwritten(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test", city="Ulm")
    hub.settle()
    hub.settle()
    far = hub.vendors["far"]
    hub.sql("UPDATE clients SET city = 'Bonn' WHERE no = :n", n=number)
    hub.later(seconds=300)

    def meanwhile(point: str) -> None:
        if point == "before call: write":  # the first one is to crm
            hub.hook = lambda point: None
            hub.later(minutes=2)
            far.edit(C, one(far)["ref"], {"City": "Köln"})
            hub.later(seconds=1)

    hub.hook = meanwhile
    report = hub.run()
    assert one(hub.vendor)["fields"]["City"] == "Bonn"
    assert one(far)["fields"]["City"] == "Köln"
    assert report.conflicts == 1


@pytest.mark.parametrize("origin", ["crm", "far"])
def test_a_plan_shows_what_goes_on_from_vendor_to_vendor_and_writes_nothing(
    hub: Story, origin: str
) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    hub.settle()
    hub.settle()
    source = hub.vendors[origin]
    source.edit(C, one(source)["ref"], {"Job": "smith"})
    ref = source.create(C, {"Last": "Bo", "Mail": "bo@example.test"})
    source.create(M, {"Name": "K1", "Person": ref})
    hub.sql("UPDATE clients SET city = 'Ulm' WHERE no = :n", n=number)
    hub.later(seconds=300)
    before = written(hub)
    planned = {(w.connection, w.kind, w.side, w.op) for w in hub.plan().writes}
    assert written(hub) == before
    other = next(name for name in hub.vendors if name != origin)
    assert planned == {
        (origin, "customer", "local", "update"),  # the job
        (origin, "customer", "remote", "update"),  # the city
        (origin, "customer", "local", "create"),
        (origin, "membership", "local", "create"),
        (other, "customer", "remote", "update"),  # both
        (other, "customer", "remote", "create"),
        (other, "membership", "remote", "create"),
    }


# --- a person's no --------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["crm", "far", "shop"])
def test_an_opt_out_goes_everywhere_before_any_other_write_for_that_person(
    hub: Story, origin: str
) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    hub.sql("INSERT INTO remarks (client, title) VALUES (:n, 'a remark')", n=number)
    hub.settle()
    hub.later(seconds=300)
    order: list[tuple[str, Kind, dict[str, Any]]] = []
    for name, vendor in hub.vendors.items():
        _note_writes(name, vendor, order)
    # Everything about her changes everywhere, and in one place she says no.
    for name, vendor in hub.vendors.items():
        vendor.edit(C, one(vendor)["ref"], {"Job": f"job at {name}"})
        vendor.edit(F, one(vendor, F)["ref"], {"Score": 3})
    hub.sql("UPDATE clients SET tags = 'a' WHERE no = :n", n=number)
    hub.sql("UPDATE remarks SET title = 'another'")
    if origin == "shop":
        hub.sql("UPDATE clients SET no_mail = 1 WHERE no = :n", n=number)
    else:
        vendor = hub.vendors[origin]
        vendor.edit(C, one(vendor)["ref"], {"Opt_Out": True})
    order.clear()
    hub.settle()
    assert clients(hub)[0]["no_mail"] == 1
    told = [name for name, _, fields in order if fields.get("Opt_Out")]
    assert sorted(told) == sorted({"crm", "far"} - {origin})
    last_no = max(i for i, (_, _, fields) in enumerate(order) if fields.get("Opt_Out"))
    assert all("Opt_Out" in fields for _, _, fields in order[: last_no + 1])
    assert len(order) > last_no + 1, "the other changes follow"
    hub.settle()
    assert {one(v)["fields"]["Job"] for v in hub.vendors.values()} == {clients(hub)[0]["job"]}
    assert silent(hub)


def _note_writes(
    name: str, vendor: MemoryVendor, order: list[tuple[str, Kind, dict[str, Any]]]
) -> None:
    commit = vendor.commit_update

    def noted(kind: Kind, ref: Any, fields: Any, unless_since: Any, *, by_us: bool) -> Any:
        if by_us:
            order.append((name, kind, dict(fields)))
        return commit(kind, ref, fields, unless_since, by_us=by_us)

    vendor.commit_update = noted  # type: ignore[method-assign]  # we listen at the vendor's door


def test_a_vendor_that_cannot_say_what_became_of_a_write_stops_no_other(hub: Story) -> None:
    hub.client("Ada", mail="ada@example.test")
    hub.settle()
    hub.settle()
    lost: list[str] = []

    def weather(operation: str, phase: Phase) -> Trouble | None:
        if operation == Op.UPDATE and phase == "after":
            lost.append(operation)
            return Trouble.LOST_AFTER
        return Trouble.THROTTLED if lost and operation == "fetch" else None

    hub.vendor.weather = weather
    hub.sql("UPDATE clients SET job = 'smith'")
    assert hub.run().exit == 6
    assert lost
    hub.sql("UPDATE clients SET city = 'Delft'")
    hub.later(seconds=300)
    report = hub.run()
    assert report.exit == 6
    assert [error.__class__ for error in report.errors] == [RateLimitedError]
    assert one(hub.vendors["far"])["fields"]["City"] == "Delft"
    hub.vendor.weather = fair
    hub.settle()
    assert one(hub.vendor)["fields"]["City"] == "Delft"
