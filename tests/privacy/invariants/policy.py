"""Invariants 12 to 17: what a policy promises, told as stories that end in what was really sent.

13 and the algebra of 15 are properties of pure functions: `tests/unit/test_policy_decision.py` and
`test_policy_consent.py` hold them by the same numbers; one case of each stands here too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.local.idmap import IdMap
from connector.plugin import FieldInfo
from connector.policy.facts import facts_of
from connector.sync.gate import compiled_for
from connector.testing.world import PERFECT
from tests.privacy.ruled import POLICY, Ruled, lose
from tests.story import C, F, M, telling
from tests.unit.test_policy_decision import document, outcome, reference

YES = {"said": "granted", "said_by": "subject", "said_at": "2026-01-10 08:00:00"}
MASK = "138****0007"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Ruled]]:
    yield from telling(tmp_path, lambda policy=POLICY, **how: Ruled(policy=policy, **how))


# --- 12: who is blocked is not told of ------------------------------------------------------------

BLOCKS: dict[str, dict[str, Any]] = {
    "a minor": {"born": "2014-05-01"},
    "no consent to the transfer": {"abroad": 0},
    "no transfer from there": {"country": "Japan"},
    "an unknown country": {"country": "CNRY-land"},
}


@pytest.mark.parametrize("why", BLOCKS)
def test_12_a_blocked_record_sends_zero_bytes(make: Callable[..., Ruled], why: str) -> None:
    story = make(kinds=(C, M, F))
    number = story.person(
        "CNRY-name", mail="cnry@example.test", mobile="13812345678", job="CNRY", **BLOCKS[why]
    )
    story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, 'CNRY-card', '月卡')", c=number)
    story.sql("INSERT INTO remarks (client, title, body) VALUES (:c, 'CNRY', 'CNRY')", c=number)
    story.person("李伟")
    for _ in range(3):
        assert story.settle().exit == 5
    sent = "\n".join(story.sent["crm"])
    key = story.vault.external_key("crm", C, str(number), 1)
    for canary in ("CNRY", "cnry", "12345678", key):
        assert canary not in sent
    assert list(story.people()) == ["李伟"]
    assert story.vendor.dump(M) == [] and story.vendor.dump(F) == []


@pytest.mark.parametrize("how", ["news of the shop", "news of the vendor", "both", "the slow look"])
def test_12_who_is_blocked_since_is_not_asked_for_by_id(
    make: Callable[..., Ruled], how: str
) -> None:
    story = make()
    number = story.person("王伟", mail="w@example.test", city="杭州")
    story.run()
    ref = story.ref("王伟")
    story.sql("UPDATE clients SET abroad = 0 WHERE no = :n", n=number)
    story.sent["crm"].clear()
    story.settle()
    for day in range(3):
        if how in ("news of the shop", "both"):
            story.sql("UPDATE clients SET city = :c WHERE no = :n", c=f"CNRY{day}", n=number)
        if how in ("news of the vendor", "both"):
            story.vendor.edit(C, ref, {"Street": f"CNRY{day}"})
        story.later(days=1, seconds=300)
        assert story.run().exit == 5
    sent = "\n".join(story.sent["crm"])
    assert ref not in sent and "CNRY" not in sent
    story.sql("UPDATE clients SET abroad = 1 WHERE no = :n", n=number)
    assert story.settle().exit == (5 if how == "both" else 0), "two edits of one address meet"


def test_12_who_a_stricter_policy_blocks_is_not_asked_for_by_id(
    make: Callable[..., Ruled],
) -> None:
    """A changed policy has all links looked at, and both sides read: theirs is not read there."""
    story = make()
    story.person("王伟", mail="w@example.test")
    story.person("Ada", country="France", abroad=None)
    story.run()
    ref, other = story.ref("王伟"), story.ref("Ada")
    story.sent["crm"].clear()
    story.rule(POLICY.replace("consent: cross_border", "consent: another_consent"))
    assert story.settle().exit == 5
    sent = "\n".join(story.sent["crm"])
    assert ref not in sent
    assert other in sent, "the others are looked at"


def test_12_an_id_map_asks_for_nobody_who_is_blocked(make: Callable[..., Ruled]) -> None:
    story = make()
    people = [story.vendor.create(C, {"Last": name}) for name in ("A.", "B.")]
    clients = [story.person("王伟", abroad=0), story.person("李伟")]
    file = story.folder / "ids.csv"
    lines = "".join(f"{c},{p}\n" for c, p in zip(clients, people, strict=True))
    file.write_text("local_id,remote_id\n" + lines, encoding="utf-8")
    with closing(IdMap(file)) as id_map:
        done = story.runner().adopt(id_map)
    assert [(one.line, one.code) for one in done.bad] == [(2, "policy_no_consent_abroad")]
    assert done.linked == 1
    assert people[0] not in "\n".join(story.sent["crm"])


def test_12_a_create_whose_answer_was_lost_is_not_sent_again_once_it_may_not_go(
    make: Callable[..., Ruled],
) -> None:
    story = make()
    number = story.person("CNRY-name")
    lose(story, "create")
    story.sql("UPDATE clients SET abroad = 0 WHERE no = :n", n=number)
    for _ in range(3):
        story.settle()
    assert "CNRY" not in "\n".join(story.sent["crm"])
    assert story.people() == {}


# --- 13: the compiled decision --------------------------------------------------------------------


def test_13_the_decision_is_the_reference_and_monotone() -> None:
    """One case; the properties over made-up policies stand with the pure part."""
    rules = [{"id": "m", "when": {"class": "contact.phone"}, "action": "hash"}]
    stricter = [*rules, {"id": "d", "when": {"class": "contact.*"}, "action": "drop_field"}]
    facts = facts_of({"address.country": "CN"}, dt.date(2026, 11, 23), unknown_is_minor=False)
    for some, action in ((rules, "hash"), (stricter, "drop_field")):
        doc = document(some)
        _, fields = outcome(doc, "cn", facts)
        assert fields["phones.mobile"].action == action
        assert reference(doc, "cn", facts, "phones.mobile")[1] == action


# --- 14: a new field crosses nothing --------------------------------------------------------------


def test_14_a_field_added_in_mid_run_never_crosses(make: Callable[..., Ruled]) -> None:
    story = make()
    number = story.person("王伟", city="杭州")

    def added(point: str) -> None:
        people = story.vendor.schemas[C]
        if "New_Field" not in people.fields:
            info = FieldInfo(name="New_Field", type="text", max_length=80)
            fields = {**people.fields, "New_Field": info}
            story.vendor.schemas = {**story.vendor.schemas, C: replace(people, fields=fields)}

    story.hook = added
    story.run()
    story.vendor.edit(C, story.ref("王伟"), {"New_Field": "CNRY", "City": "上海"})
    story.sql("ALTER TABLE clients ADD COLUMN new_column TEXT")
    story.sql("UPDATE clients SET new_column = 'CNRY-local' WHERE no = :n", n=number)
    story.settle()
    row = story.shop_row(number)
    assert (row["city"], row["new_column"]) == ("上海", "CNRY-local")
    assert "CNRY" not in str({k: v for k, v in row.items() if k != "new_column"})
    assert "CNRY" not in "\n".join(story.sent["crm"])


def test_14_a_mapped_field_without_a_class_that_is_only_read_sets_its_record_aside(
    make: Callable[..., Ruled],
) -> None:
    pulled = {
        "  occupation: {field: Job, lens: text, policy: local}\n": (
            "  custom.job: {field: Job, lens: text, direction: pull}\n"
        )
    }
    story = make(POLICY.replace("[customer.occupation]", "[customer.segment]"), mapping=pulled)
    number = story.person("王伟")
    story.run()
    story.vendor.edit(C, story.ref("王伟"), {"Job": "CNRY", "City": "上海"})
    assert story.settle().exit == 5
    assert "CNRY" not in str(story.shop_row(number))
    drop = POLICY.replace("unclassified_inbound: letter", "unclassified_inbound: drop")
    story.rule(drop.replace("[customer.occupation]", "[customer.segment]"))
    assert story.settle().exit == 0
    row = story.shop_row(number)
    assert row["city"] == "上海" and "CNRY" not in str(row)


# --- 15: the no goes first ------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["free", "restricted", "blocked"])
def test_15_the_no_reaches_the_other_vendor_before_any_other_write(
    make: Callable[..., Ruled], state: str
) -> None:
    story = make(kinds=(C, M), others={"two": PERFECT})
    number = story.person("王伟", city="杭州", **YES)
    story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, 'K1', '月卡')", c=number)
    story.run()
    if state == "restricted":
        story.restrict()
    if state == "blocked":
        story.sql("UPDATE clients SET born = '2015-01-01' WHERE no = :n", n=number)
    story.sql("UPDATE clients SET city = '广州' WHERE no = :n", n=number)
    story.sql("UPDATE cards SET points = 5 WHERE client = :n", n=number)
    story.vendor.edit(C, story.ref("王伟"), {"Opt_Out": True})
    for sent in story.sent.values():
        sent.clear()
    story.settle()
    writes = [line for line in story.sent["two"] if line.startswith("('write'")]
    assert "{'Opt_Out': True}" in writes[0], writes
    assert len(writes) == (3 if state == "free" else 1), writes
    assert story.shop_row(number)["said"] == "withdrawn"


# --- 16: a mask changes nothing -------------------------------------------------------------------


def test_16_a_masked_value_changes_nothing_after_fifty_rounds(make: Callable[..., Ruled]) -> None:
    story = make()
    number = story.person("王伟", mobile="13800000007", mail="w@example.test")
    story.run()
    for number_of_round in range(50):
        if number_of_round % 10 == 0:
            story.vendor.edit(C, story.ref("王伟"), {"City": f"C{number_of_round}"})
        story.settle()
    assert story.shop_row(number)["mobile"] == "13800000007"
    assert story.people()["王伟"]["Mobile"] == MASK
    assert story.settle().passes[0].counts.written == 0


MASKING = "    action: mask\n    with: phone_keep3_4\n"


@pytest.mark.parametrize(
    "policy", [POLICY, POLICY.replace(MASKING, "    action: hash\n")], ids=["a mask", "a hash"]
)
def test_16_nor_after_the_state_was_lost(make: Callable[..., Ruled], policy: str) -> None:
    """Re-adopted by our key: both sides meet as at first contact, and one shows a mask."""
    story = make(policy, first_contact="remote")
    number = story.person("王伟", mobile="13800000007", mail="w@example.test")
    story.run()
    assert (story.people()["王伟"]["Mobile"] == MASK) == (policy == POLICY)
    story.lose_the_state()
    story.rule(POLICY)
    story.later(seconds=300)
    runner = story.runner()
    runner.run(only_reconcile=True)
    for _ in range(2):
        story.settle()
    assert story.shop_row(number)["mobile"] == "13800000007"
    assert story.people()["王伟"]["Mobile"] == MASK
    assert len(story.vendor.dump(C)) == 1


def test_16_nor_at_first_contact_with_a_mask(make: Callable[..., Ruled]) -> None:
    story = make(first_contact="remote")
    story.vendor.create(C, {"Last": "王伟", "Mail": "w@example.test", "Mobile": MASK})
    number = story.person("王伟", mobile="13800000007", mail="w@example.test")
    for _ in range(3):
        story.settle()
    assert len(story.vendor.dump(C)) == 1
    assert story.shop_row(number)["mobile"] == "13800000007"
    assert story.people()["王伟"]["Mobile"] == MASK


def test_16_a_mask_joins_nobody(make: Callable[..., Ruled]) -> None:
    """What a vendor shows in such a field finds no row: two people may have one mask."""
    story = make()
    story.vendor.create(C, {"Last": "Stranger", "Mobile": "+8613800000007"})
    story.person("王伟", mobile="13800000007")
    story.run()
    assert sorted(story.people()) == ["Stranger", "王伟"]
    stranger = next(r for r in story.sql("SELECT * FROM clients") if r["full_name"] == "Stranger")
    assert stranger["mobile"] is None


def test_16_nor_after_the_mapping_changed(make: Callable[..., Ruled]) -> None:
    story = make()
    number = story.person("王伟", mobile="13800000007", mail="w@example.test")
    story.run()
    _, remote = story.mappings
    rules = tuple(replace(r, policy="remote") for r in remote[C].rules)
    story.mappings = (story.mappings[0], {**remote, C: replace(remote[C], rules=rules)})
    story.vendor.edit(C, story.ref("王伟"), {"Mobile": "139****9999", "City": "上海"})
    for _ in range(2):
        story.settle()
    assert story.shop_row(number)["mobile"] == "13800000007"


# --- 17: what may not be there any more is taken back ---------------------------------------------


def test_17_withdrawn_consent_and_a_tightened_policy_clear_and_leave_a_receipt(
    make: Callable[..., Ruled],
) -> None:
    story = make()
    number = story.person("王伟", job="厨师", street="文三路 1", **YES)
    story.run()
    there = story.people()["王伟"]
    assert (there["Job"], there["Street"]) == ("厨师", "文三路 1")
    story.sql("UPDATE clients SET said = 'withdrawn' WHERE no = :n", n=number)
    story.settle()
    there = story.people()["王伟"]
    assert (there.get("Job"), there["Opt_Out"]) == (None, True)
    story.rule(
        POLICY + "  - {id: s, when: {field: customer.address.street}, action: drop_field,"
        " on_existing: clear}\n"
    )
    story.settle()
    assert story.people()["王伟"].get("Street") is None
    row = story.shop_row(number)
    assert (row["job"], row["street"]) == ("厨师", "文三路 1")
    with story.store().read() as tx:
        causes = [r.cause for r in tx.exec_driver_sql("SELECT cause FROM event").all()]
    assert causes.count("update_remote") == 3, "the no, the field it closes, the street"
    for _ in range(2):
        assert story.settle().passes[0].counts.written == 0


def test_17_a_clear_goes_on_where_it_was_stopped(make: Callable[..., Ruled]) -> None:
    """The process dies right after the clear was sent: the next run ends in the same."""
    story = make()
    number = story.person("王伟", job="厨师", **YES)
    story.run()
    story.sql("UPDATE clients SET said = 'withdrawn' WHERE no = :n", n=number)
    story.later(seconds=300)
    seen: list[str] = []

    def dies(point: str) -> None:
        seen.append(point)
        if point == "after call: write" and seen.count(point) == 2:
            story.dead = True
            raise KeyboardInterrupt

    story.hook = dies
    with pytest.raises(KeyboardInterrupt):
        story.run()
    story.dead, story.hook = False, lambda point: None
    for _ in range(3):
        story.later(seconds=300)
        story.run()
    assert story.people()["王伟"].get("Job") is None
    assert story.people()["王伟"]["Opt_Out"] is True
    assert story.shop_row(number)["job"] == "厨师"


def test_the_policy_is_ready_for_every_kind_of_the_story(make: Callable[..., Ruled]) -> None:
    story = make(kinds=(C, M, F))
    policy = story.setup.policy
    assert policy is not None
    for kind in (C, M, F):
        compiled = compiled_for(policy, "crm", story.mappings[1][kind], dt.date(2026, 11, 23))
        assert compiled.fields.keys() >= {r.canonical for r in story.mappings[1][kind].rules}
