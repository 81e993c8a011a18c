"""Two vendors and one shop: what is edited anywhere arrives everywhere, in one sync."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connector.errors import RateLimitedError
from connector.plugin import Capabilities, FieldInfo, Kind, Op, Schema
from connector.sync.report import RunReport
from connector.testing.memory import MemoryVendor
from connector.testing.weather import Phase, Trouble, fair
from connector.testing.world import PERFECT
from tests.story import SCHEMAS, C, F, M, Story

Tell = Callable[..., Story]

COUNTING = replace(
    PERFECT,
    batch={Op.CREATE: 1, Op.UPDATE: 1, Op.REMOVE: 1},
    external_key="plain",
    conditional=False,
    counts_writes=True,
    reports_removals=False,
    reports_merges=False,
    removal="invalidate",
    find_lag=dt.timedelta(seconds=60),
)
"""A vendor like Fxiaoke: one call for each write, a version that counts, no feed of removals."""


@pytest.fixture
def hub(tell: Tell) -> Story:
    return make_hub(tell)


def make_hub(tell: Tell, able: Capabilities = COUNTING, **how: Any) -> Story:
    story = tell(others={"far": able}, **how)
    story.vendors["far"].answers_version = False
    story.vendors["far"].answers_fields = False
    return story


def settled(story: Story) -> RunReport:
    """A run once nothing can still look like news of the one before."""
    story.later(seconds=300)
    report = story.run()
    assert report.errors == []
    return report


def one(vendor: MemoryVendor, kind: Kind = C) -> dict[str, Any]:
    """The vendor's only record of a kind."""
    [found] = vendor.dump(kind)
    return found


def clients(story: Story) -> list[dict[str, Any]]:
    return [dict(row) for row in story.sql("SELECT * FROM clients WHERE is_deleted = 0")]


def written(story: Story) -> int:
    return sum(
        vendor.calls[op]
        for vendor in story.vendors.values()
        for op in ("create", "update", "remove", "restore")
    ) + len(story.sql(f"SELECT intent FROM crm_connector_applied_{story.store().store_id}"))


def silent(story: Story) -> bool:
    before = written(story)
    for _ in range(3):
        settled(story)
    return written(story) == before


@pytest.mark.parametrize("origin", ["crm", "far"])
def test_an_edit_at_one_vendor_reaches_the_shop_and_the_other_in_one_sync(
    hub: Story, origin: str
) -> None:
    hub.client("Ada", mail="ada@example.test")
    settled(hub)
    source = hub.vendors[origin]
    source.edit(C, one(source)["ref"], {"Job": "smith"})
    settled(hub)
    assert clients(hub)[0]["job"] == "smith"
    assert {one(v)["fields"]["Job"] for v in hub.vendors.values()} == {"smith"}
    assert silent(hub)


@pytest.mark.parametrize("origin", ["crm", "far"])
def test_a_new_person_at_one_vendor_is_made_in_the_shop_and_at_the_other_in_one_sync(
    hub: Story, origin: str
) -> None:
    settled(hub)
    person = {"Last": "Ada", "Mail": "ada@example.test"}
    ref = hub.vendors[origin].create(C, person)
    hub.vendors[origin].create(M, {"Name": "K1", "Person": ref})
    settled(hub)
    assert len(clients(hub)) == 1
    for vendor in hub.vendors.values():
        named = one(vendor, M)["fields"]["Person"]
        assert (named["id"] if isinstance(named, dict) else named) == one(vendor)["ref"]
    assert silent(hub)


def test_a_person_whom_both_vendors_know_becomes_one_row(hub: Story) -> None:
    for vendor in hub.vendors.values():
        vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
    settled(hub)
    assert [row["mail"] for row in clients(hub)] == ["ada@example.test"]
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [1, 1]
    assert silent(hub)


def test_a_person_made_at_both_vendors_between_two_syncs_becomes_one_row(hub: Story) -> None:
    settled(hub)
    for vendor in hub.vendors.values():
        vendor.create(C, {"Last": "Ada", "Mail": "ada@example.test"})
    settled(hub)
    assert len(clients(hub)) == 1
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [1, 1]


@pytest.mark.parametrize("origin", ["crm", "far"])
def test_a_deletion_at_one_vendor_reaches_the_other(tell: Tell, origin: str) -> None:
    hub = make_hub(tell, replace(COUNTING, reports_removals=True))
    hub.client("Ada", mail="ada@example.test")
    settled(hub)
    source = hub.vendors[origin]
    source.remove(C, one(source)["ref"])
    settled(hub)
    assert clients(hub) == []
    assert [v.dump(C) for v in hub.vendors.values()] == [[], []]
    assert silent(hub)


def test_each_vendor_is_read_once_in_a_run_and_a_quiet_one_is_asked_little(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    hub.sql("INSERT INTO cards (client, card) VALUES (:n, 'K1')", n=number)
    settled(hub)
    settled(hub)
    before = {name: dict(vendor.calls) for name, vendor in hub.vendors.items()}
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "smith"})
    settled(hub)
    for name, vendor in hub.vendors.items():
        assert vendor.calls["changes"] - before[name]["changes"] == 3, "one page for each kind"
    before = {name: dict(vendor.calls) for name, vendor in hub.vendors.items()}
    settled(hub)
    settled(hub)
    for name, vendor in hub.vendors.items():
        done = {op: n - before[name].get(op, 0) for op, n in vendor.calls.items()}
        assert {op: n for op, n in done.items() if n} == {"account": 2, "changes": 6}


# --- runs without all connections -----------------------------------------------------------------


def test_changes_of_the_shop_are_kept_for_a_connection_that_takes_no_part(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    settled(hub)
    hub.only = ("crm",)
    hub.sql("UPDATE clients SET job = 'smith' WHERE no = :n", n=number)
    hub.client("Bo", mail="bo@example.test")
    settled(hub)
    assert one(hub.vendors["far"])["fields"].get("Job") is None
    hub.only = None
    settled(hub)
    assert {d["fields"]["Last"]: d["fields"].get("Job") for d in hub.vendors["far"].dump(C)} == {
        "Ada": "smith",
        "Bo": None,
    }
    assert silent(hub)


def test_a_deletion_in_the_shop_is_kept_for_a_connection_that_takes_no_part(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    settled(hub)
    hub.only = ("crm",)
    hub.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    settled(hub)
    hub.only = None
    settled(hub)
    assert hub.vendors["far"].dump(C) == []


def test_a_vendor_added_later_gets_what_the_shop_had_before(hub: Story) -> None:
    hub.only = ("crm",)
    for name in ("Ada", "Bo"):
        hub.client(name, mail=f"{name.lower()}@example.test")
    settled(hub)
    hub.only = None
    settled(hub)
    assert {d["fields"]["Last"] for d in hub.vendors["far"].dump(C)} == {"Ada", "Bo"}
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [2, 2]


def test_a_vendor_that_is_down_gets_its_changes_when_it_is_back(hub: Story) -> None:
    hub.client("Ada", mail="ada@example.test")
    settled(hub)
    far = hub.vendors["far"]
    fair, far.weather = far.weather, lambda operation, phase: _down()
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "smith"})
    hub.later(seconds=300)
    assert hub.run().errors
    assert clients(hub)[0]["job"] == "smith"
    far.weather = fair
    settled(hub)
    assert one(far)["fields"]["Job"] == "smith"


def _down() -> Any:
    from connector.testing.weather import Trouble

    return Trouble.LOST_BEFORE


def test_an_edit_made_while_a_long_run_writes_elsewhere_is_not_overwritten(hub: Story) -> None:
    number = hub.client("Ada", mail="ada@example.test", city="Ulm")
    settled(hub)
    settled(hub)
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
    settled(hub)
    settled(hub)
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
    settled(hub)
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
    settled(hub)
    assert clients(hub)[0]["no_mail"] == 1
    told = [name for name, _, fields in order if fields.get("Opt_Out")]
    assert sorted(told) == sorted({"crm", "far"} - {origin})
    last_no = max(i for i, (_, _, fields) in enumerate(order) if fields.get("Opt_Out"))
    assert all("Opt_Out" in fields for _, _, fields in order[: last_no + 1])
    assert len(order) > last_no + 1, "the other changes follow"
    settled(hub)
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


# --- normalising ----------------------------------------------------------------------------------


def test_two_vendors_that_normalise_differently_come_to_rest(tell: Tell) -> None:
    lines = (
        "Mobile, lens: phone, policy: manual",
        "Mail, lens: email, policy: remote",
        "City, lens: text, policy: manual, group: address",
        "Job, lens: text, policy: local",
    )
    hub = make_hub(tell, mapping={line: f"{line}, vendor_normalises: true" for line in lines})
    hub.vendor.normalise = {
        "Mobile": lambda v: "+86" + v[-11:],
        "Mail": str.lower,
        "Job": str.strip,
    }
    hub.vendors["far"].normalise = {
        "Mobile": lambda v: v[-11:-8] + " " + v[-8:],
        "Mail": str.upper,
        "City": lambda v: v.strip(),
    }
    hub.client("Ada", mail="Ada@Example.test", mobile="139 0000 0001", job=" smith ", city="Ulm ")
    settled(hub)
    assert silent(hub)
    assert clients(hub)[0]["mobile"] == "139 0000 0001", "what the shop wrote stays as it wrote it"
    hub.vendors["far"].edit(C, one(hub.vendors["far"])["ref"], {"Mobile": "13900000002"})
    settled(hub)
    assert one(hub.vendor)["fields"]["Mobile"] == "+8613900000002"
    assert silent(hub)


# --- whose value it is ----------------------------------------------------------------------------

NEWEST = {
    "occupation: {field: Job, lens: text, policy: local}": (
        "occupation: {field: Job, lens: text, policy: newest, time: Job_At}"
    )
}
NEWEST_HERE = {
    "occupation: {column: job, lens: text}": "occupation: {column: job, lens: text, time: city}"
}
AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def _newest(tell: Tell) -> Story:
    """Job has a time field at both vendors; the shop's own time column is touched by nobody."""
    schema = SCHEMAS[C]
    timed = {**schema.fields, "Job_At": FieldInfo(name="Job_At", type="datetime")}
    schemas = {**SCHEMAS, C: Schema(object="People", fields=timed)}
    hub = make_hub(tell, mapping=NEWEST, local=NEWEST_HERE)
    for vendor in hub.vendors.values():
        vendor.schemas = schemas
    return hub


@pytest.mark.parametrize("newer", ["crm", "far"])
def test_newest_judges_by_the_time_at_the_vendor_that_the_value_came_from(
    tell: Tell, newer: str
) -> None:
    hub = _newest(tell)
    hub.client("Ada", mail="ada@example.test")
    settled(hub)
    for name, vendor in hub.vendors.items():
        at = AT + dt.timedelta(hours=name == newer)
        vendor.edit(C, one(vendor)["ref"], {"Job": f"{name}'s", "Job_At": at.isoformat()})
    settled(hub)
    settled(hub)
    assert clients(hub)[0]["job"] == f"{newer}'s"
    assert {one(v)["fields"]["Job"] for v in hub.vendors.values()} == {f"{newer}'s"}
    assert silent(hub)


def test_between_vendors_the_settings_order_stands_for_local(hub: Story) -> None:
    hub.client("Ada", mail="ada@example.test")
    settled(hub)
    for name, vendor in hub.vendors.items():
        vendor.edit(C, one(vendor)["ref"], {"Job": f"{name}'s"})
    settled(hub)
    settled(hub)
    assert clients(hub)[0]["job"] == "crm's", "crm stands first in the settings"
    assert {one(v)["fields"]["Job"] for v in hub.vendors.values()} == {"crm's"}


def test_a_value_that_the_shop_has_edited_since_is_the_shop_s_again(tell: Tell) -> None:
    hub = make_hub(tell)
    number = hub.client("Ada", mail="ada@example.test")
    settled(hub)
    far = hub.vendors["far"]
    hub.only = ("far",)
    far.edit(C, one(far)["ref"], {"Job": "far's"})
    settled(hub)
    hub.sql("UPDATE clients SET job = 'the shop''s' WHERE no = :n", n=number)
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "crm's"})
    hub.only = None
    settled(hub)
    settled(hub)
    assert clients(hub)[0]["job"] == "the shop's", (
        "its policy is local, and this edit was made here"
    )


# --- a delete meets edits elsewhere ---------------------------------------------------------------


def test_a_client_deleted_in_the_shop_and_edited_at_both_vendors_lives_on_once_everywhere(
    hub: Story,
) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    settled(hub)
    settled(hub)
    hub.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    for name, vendor in hub.vendors.items():
        vendor.edit(C, one(vendor)["ref"], {"Tags": ["a"], "Job": f"{name}'s"})
    settled(hub)
    settled(hub)
    assert len(clients(hub)) == 1
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [1, 1], "no twin at either vendor"


def test_an_edit_at_one_vendor_outlives_deletions_in_the_shop_and_at_the_other(tell: Tell) -> None:
    hub = make_hub(tell, replace(COUNTING, removal="final"))
    number = hub.client("Ada", mail="ada@example.test")
    settled(hub)
    settled(hub)
    hub.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    far = hub.vendors["far"]
    far.remove(C, one(far)["ref"])
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "smith"})
    settled(hub)
    settled(hub)
    assert [row["job"] for row in clients(hub)] == ["smith"]
    assert [one(v)["fields"]["Job"] for v in hub.vendors.values()] == ["smith", "smith"]


def test_a_vendor_that_cannot_say_what_became_of_a_write_stops_no_other(hub: Story) -> None:
    hub.client("Ada", mail="ada@example.test")
    settled(hub)
    settled(hub)
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
    settled(hub)
    assert one(hub.vendor)["fields"]["City"] == "Delft"
