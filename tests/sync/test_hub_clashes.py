"""Whose value it is where two vendors and the shop disagree."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from connector.plugin import FieldInfo, Schema
from connector.testing.world import PERFECT
from tests.scenery import SCHEMAS
from tests.story import C, Slow, Story, Tell
from tests.sync.hub import COUNTING, clients, make_hub, one, silent


@pytest.fixture
def hub(tell: Tell) -> Story:
    return make_hub(tell)


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
    hub.settle()
    assert silent(hub)
    assert clients(hub)[0]["mobile"] == "139 0000 0001", "what the shop wrote stays as it wrote it"
    hub.vendors["far"].edit(C, one(hub.vendors["far"])["ref"], {"Mobile": "13900000002"})
    hub.settle()
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
    hub.settle()
    for name, vendor in hub.vendors.items():
        at = AT + dt.timedelta(hours=name == newer)
        vendor.edit(C, one(vendor)["ref"], {"Job": f"{name}'s", "Job_At": at.isoformat()})
    hub.settle()
    hub.settle()
    assert clients(hub)[0]["job"] == f"{newer}'s"
    assert {one(v)["fields"]["Job"] for v in hub.vendors.values()} == {f"{newer}'s"}
    assert silent(hub)


def test_between_vendors_the_settings_order_stands_for_local(hub: Story) -> None:
    hub.client("Ada", mail="ada@example.test")
    hub.settle()
    for name, vendor in hub.vendors.items():
        vendor.edit(C, one(vendor)["ref"], {"Job": f"{name}'s"})
    hub.settle()
    hub.settle()
    assert clients(hub)[0]["job"] == "crm's", "crm stands first in the settings"
    assert {one(v)["fields"]["Job"] for v in hub.vendors.values()} == {"crm's"}


def test_a_value_that_the_shop_has_edited_since_is_the_shop_s_again(tell: Tell) -> None:
    hub = make_hub(tell)
    number = hub.client("Ada", mail="ada@example.test")
    hub.settle()
    far = hub.vendors["far"]
    hub.only = ("far",)
    far.edit(C, one(far)["ref"], {"Job": "far's"})
    hub.settle()
    hub.sql("UPDATE clients SET job = 'the shop''s' WHERE no = :n", n=number)
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "crm's"})
    hub.only = None
    hub.settle()
    hub.settle()
    assert clients(hub)[0]["job"] == "the shop's", (
        "its policy is local, and this edit was made here"
    )


# --- a delete meets edits elsewhere ---------------------------------------------------------------


def test_a_client_deleted_in_the_shop_and_edited_at_both_vendors_lives_on_once_everywhere(
    hub: Story,
) -> None:
    number = hub.client("Ada", mail="ada@example.test")
    hub.settle()
    hub.settle()
    hub.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    for name, vendor in hub.vendors.items():
        vendor.edit(C, one(vendor)["ref"], {"Tags": ["a"], "Job": f"{name}'s"})
    hub.settle()
    hub.settle()
    assert len(clients(hub)) == 1
    assert [len(v.dump(C)) for v in hub.vendors.values()] == [1, 1], "no twin at either vendor"


def test_an_edit_at_one_vendor_outlives_deletions_in_the_shop_and_at_the_other(tell: Tell) -> None:
    hub = make_hub(tell, replace(COUNTING, removal="final"))
    number = hub.client("Ada", mail="ada@example.test")
    hub.settle()
    hub.settle()
    hub.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    far = hub.vendors["far"]
    far.remove(C, one(far)["ref"])
    hub.vendor.edit(C, one(hub.vendor)["ref"], {"Job": "smith"})
    hub.settle()
    hub.settle()
    assert [row["job"] for row in clients(hub)] == ["smith"]
    assert [one(v)["fields"]["Job"] for v in hub.vendors.values()] == ["smith", "smith"]


def test_an_edit_that_the_feed_does_not_show_yet_keeps_a_record_removed_at_another_vendor(
    tell: Tell,
) -> None:
    hub = tell(others={"far": replace(PERFECT, feed_lag=dt.timedelta(seconds=120))})
    hub.client("Ada", mail="ada@example.test")
    hub.settle()
    hub.settle()
    far = hub.vendors["far"]
    far.rng = Slow()  # type: ignore[assignment]  # it shows things as late as it may
    hub.vendor.remove(C, hub.ref("Ada"))
    far.edit(C, one(far)["ref"], {"Job": "smith"})
    hub.run()
    assert [d["fields"]["Job"] for d in far.dump(C)] == ["smith"]
