"""The engine under a policy: what leaves, what stays, what is taken back, what is never read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.errors import PolicyFileError
from connector.privacy.subjects import LIVE
from connector.store import tally
from connector.testing.world import PERFECT
from tests.privacy.ruled import POLICY, Ruled
from tests.story import C, F, M

OPEN = POLICY.replace("    action: mask\n    with: phone_keep3_4\n", "    action: allow\n")


@pytest.fixture
def story(tmp_path: Path) -> Any:
    made = Ruled(tmp_path)
    yield made
    made.close()


def letters(story: Ruled) -> list[str]:
    with story.store().read() as tx:
        rows = tx.exec_driver_sql("SELECT reason FROM staged WHERE reason IS NOT NULL").all()
    return sorted(row.reason.split('"')[3] for row in rows)


# --- masked on the way out ------------------------------------------------------------------------


def test_a_masked_field_is_sent_masked_and_never_read_back(story: Ruled) -> None:
    number = story.person("王伟", mobile="13800000007", mail="w@example.test", job="厨师")
    assert story.run().exit == 0
    there = story.people()["王伟"]
    assert (there["Mobile"], there["Mail"]) == ("138****0007", "w@example.test")
    assert there.get("Job") is None
    for mobile in ("138****0007", "+8613911112222", None, "138****0007"):
        story.vendor.edit(C, story.ref("王伟"), {"Mobile": mobile, "City": f"near {mobile}"})
        story.settle()
        row = story.shop_row(number)
        assert (row["mobile"], row["city"]) == ("13800000007", f"near {mobile}")


def test_an_edit_in_the_shop_sends_a_new_mask(story: Ruled) -> None:
    number = story.person("王伟", mobile="13800000007")
    story.run()
    story.sql("UPDATE clients SET mobile = '13900001234' WHERE no = :n", n=number)
    story.settle()
    assert story.people()["王伟"]["Mobile"] == "139****1234"
    calls = story.vendor.calls["update"]
    story.sql("UPDATE clients SET mobile = '13911111234' WHERE no = :n", n=number)
    assert story.settle().exit == 0
    assert story.vendor.calls["update"] == calls, "the mask is the same: there is nothing to send"


def test_the_true_value_is_pushed_before_anything_is_read_again(story: Ruled) -> None:
    number = story.person("王伟", mobile="13800000007")
    story.run()
    story.vendor.edit(C, story.ref("王伟"), {"Mobile": "+8613911112222"})
    story.settle()
    story.rule(OPEN)
    story.settle()
    assert story.people()["王伟"]["Mobile"] == "+8613800000007"
    assert story.shop_row(number)["mobile"] == "13800000007"
    story.vendor.edit(C, story.ref("王伟"), {"Mobile": "+8613911113333"})
    story.settle()
    assert story.shop_row(number)["mobile"] == "+8613911113333"


def test_a_person_who_is_not_abroad_goes_whole_and_is_not_read_back_either(story: Ruled) -> None:
    number = story.person("Ada", mobile="+4915112345678", country="Germany", abroad=None)
    story.run()
    assert story.people()["Ada"]["Mobile"] == "+4915112345678"
    story.vendor.edit(C, story.ref("Ada"), {"Mobile": "+4915100000000"})
    story.settle()
    assert story.shop_row(number)["mobile"] == "+4915112345678"


def test_a_mask_that_the_vendors_field_does_not_take_stops_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    story = Ruled(tmp_path, phone_type="phone")
    story.person("王伟", mobile="13800000007")
    with pytest.raises(PolicyFileError, match="Mobile does not take it"):
        story.run()
    assert story.people() == {}


# --- tightened and withdrawn ----------------------------------------------------------------------


def test_a_tightened_policy_replaces_what_was_sent_before(tmp_path: Path) -> None:
    story = Ruled(tmp_path, OPEN)
    story.person("王伟", mobile="13800000007")
    story.run()
    assert story.people()["王伟"]["Mobile"] == "+8613800000007"
    story.rule(POLICY)
    report = story.settle()
    assert story.people()["王伟"]["Mobile"] == "138****0007"
    assert report.passes[0].counts.updated == 1
    assert story.settle().passes[0].counts.written == 0


def test_a_consent_given_later_sends_what_was_kept(story: Ruled) -> None:
    number = story.person("王伟", job="厨师", said="unknown")
    story.run()
    assert story.people()["王伟"].get("Job") is None
    story.sql(
        "UPDATE clients SET said = 'granted', said_by = 'subject',"
        " said_at = '2026-01-31 10:00:00' WHERE no = :n",
        n=number,
    )
    story.settle()
    assert story.people()["王伟"]["Job"] == "厨师"
    story.vendor.edit(C, story.ref("王伟"), {"Job": "店长"})
    story.settle()
    assert story.shop_row(number)["job"] == "店长", "it is an ordinary field again"


# --- blocked --------------------------------------------------------------------------------------


def test_a_blocked_record_is_a_letter_and_the_others_go_on(story: Ruled) -> None:
    story.person("CNRYone", abroad=0, mail="cnry@example.test")
    story.person("李伟", mail="li@example.test")
    report = story.run()
    assert (report.exit, list(story.people())) == (5, ["李伟"])
    assert letters(story) == ["policy_no_consent_abroad"]
    assert not [line for line in story.sent["crm"] if "CNRY" in line or "cnry" in line]


def test_consent_given_later_lets_it_go(story: Ruled) -> None:
    number = story.person("王伟", abroad=0)
    story.run()
    story.sql("UPDATE clients SET abroad = 1 WHERE no = :n", n=number)
    assert story.settle().exit == 0
    assert list(story.people()) == ["王伟"]


def test_who_is_linked_and_blocked_since_is_not_even_asked_for(story: Ruled) -> None:
    number = story.person("王伟", mail="w@example.test")
    other = story.person("李伟", mail="l@example.test")
    story.run()
    ref = story.ref("王伟")
    story.later(days=800)  # the transfer has ended: not a byte of them goes there any more
    story.sent["crm"].clear()
    for row in (number, other):
        story.sql("UPDATE clients SET city = '杭州' WHERE no = :n", n=row)
    story.vendor.edit(C, ref, {"City": "上海"})
    report = story.settle()
    assert report.exit == 5
    assert set(letters(story)) == {"policy_no_transfer"}
    assert not [line for line in story.sent["crm"] if ref in line]
    assert story.people()["王伟"]["City"] == "上海"


def test_the_removal_of_a_blocked_record_still_goes_there(story: Ruled) -> None:
    number = story.person("王伟")
    story.run()
    story.sql("UPDATE clients SET abroad = 0 WHERE no = :n", n=number)
    assert story.settle().exit == 5
    story.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=number)
    story.settle()
    assert story.people() == {}


def test_a_minor_needs_a_guardian(story: Ruled) -> None:
    yes = {"said": "granted", "said_by": "subject", "said_at": "2026-01-10 08:00:00"}
    number = story.person("小明", born="2013-05-01", job="学生", **yes)
    assert story.run().exit == 5
    assert letters(story) == ["policy_minor_no_guardian"]
    story.sql("UPDATE clients SET guardian = 'granted' WHERE no = :n", n=number)
    assert story.settle().exit == 0
    assert story.people()["小明"].get("Job") is None, "the guardian agreed to the service alone"


def test_an_unknown_country_stays_and_a_known_one_nearby_goes(story: Ruled) -> None:
    story.person("王伟", country=None)
    story.person("Narnia", country="Narnia")
    story.person("Ada", country="France", abroad=None)
    assert story.run().exit == 5
    assert list(story.people()) == ["Ada"]
    assert letters(story) == ["policy_unknown_country"] * 2


# --- restricted -----------------------------------------------------------------------------------


def test_nothing_is_written_for_a_restricted_person_but_their_no(story: Ruled) -> None:
    number = story.person("王伟", city="杭州", said="unknown")
    story.run()
    story.restrict(number)
    story.sql("UPDATE clients SET city = '广州' WHERE no = :n", n=number)
    story.vendor.edit(C, story.ref("王伟"), {"Mail": "w@example.test"})
    report = story.settle()
    assert report.passes[0].counts.restricted == 1
    assert story.people()["王伟"]["City"] == "杭州"
    assert story.shop_row(number)["mail"] is None
    story.sql("UPDATE clients SET said = 'withdrawn' WHERE no = :n", n=number)
    story.settle()
    there = story.people()["王伟"]
    assert (there["Opt_Out"], there["City"]) == (True, "杭州")
    story.restrict(number, LIVE)
    story.settle()
    assert story.people()["王伟"]["City"] == "广州"
    assert story.shop_row(number)["mail"] == "w@example.test"


def test_a_restricted_persons_yes_waits(story: Ruled) -> None:
    """Only a no goes before the rest, also where both sides are read anew."""
    number = story.person(
        "王伟", said="withdrawn", said_by="subject", said_at="2026-01-10 08:00:00"
    )
    story.run()
    story.restrict(number)
    story.sql(
        "UPDATE clients SET said = 'granted', said_at = '2026-01-31 08:00:00' WHERE no = :n",
        n=number,
    )
    story.rule(OPEN)
    story.settle()
    assert story.people()["王伟"]["Opt_Out"] is True
    story.restrict(number, LIVE)
    story.settle()
    assert story.people()["王伟"]["Opt_Out"] is False


def test_a_restricted_person_gets_no_new_record_anywhere(tmp_path: Path) -> None:
    story = Ruled(tmp_path, kinds=(C, M), others={"two": PERFECT})
    story.only = ("crm",)
    number = story.person("王伟")
    story.run()
    story.restrict(number)
    story.only = None
    story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, 'K1', '月卡')", c=number)
    report = story.settle()
    assert story.vendors["two"].dump(C) == []
    assert story.vendor.dump(M) == [] == story.vendors["two"].dump(M)
    assert sum(one.counts.restricted for one in report.passes) > 0
    story.restrict(number, LIVE)
    story.settle()
    assert len(story.vendors["two"].dump(C)) == len(story.vendor.dump(M)) == 1


def test_without_a_policy_a_restricted_person_waits_as_well(tmp_path: Path) -> None:
    story = Ruled(tmp_path, None)
    number = story.person("王伟", city="杭州")
    story.run()
    story.restrict(number)
    story.sql("UPDATE clients SET city = '广州' WHERE no = :n", n=number)
    story.settle()
    assert story.people()["王伟"]["City"] == "杭州"


# --- children -------------------------------------------------------------------------------------


def test_children_are_judged_by_their_customer(tmp_path: Path) -> None:
    story = Ruled(tmp_path, kinds=(C, M, F))
    known, child = story.person("王伟"), story.person("小明", born="2014-05-01")
    for client in (known, child):
        story.sql(
            "INSERT INTO cards (client, card, kind) VALUES (:c, :n, '月卡')",
            c=client,
            n=f"C{client}",
        )
        story.sql(
            "INSERT INTO remarks (client, title, body) VALUES (:c, 'x', :t)",
            c=client,
            t=f"请打 1380013800{client} 或写 a{client}@example.test",
        )
    assert story.run().exit == 5
    assert [d["fields"]["Name"] for d in story.vendor.dump(M)] == [f"C{known}"]
    [voice] = story.vendor.dump(F)
    assert voice["fields"]["Body"] == "请打 *** 或写 ***"
    story.vendor.edit(F, voice["ref"], {"Body": "请打 *** 或写 *** (called)"})
    story.settle()
    assert (
        "1380013800" in story.sql("SELECT body FROM remarks WHERE client = :c", c=known)[0]["body"]
    )


# --- a policy that does not fit -------------------------------------------------------------------


def test_a_connection_without_a_destination_stops_the_run(tmp_path: Path) -> None:
    story = Ruled(
        tmp_path,
        POLICY.replace("  crm: {", "  other: {").replace("recipient: crm", "recipient: other"),
    )
    story.person("王伟")
    with pytest.raises(PolicyFileError, match="there is no destination `crm`"):
        story.run()
    assert story.people() == {}


def test_a_changed_policy_is_told_of_before_the_run(
    story: Ruled, caplog: pytest.LogCaptureFixture
) -> None:
    story.run()
    caplog.clear()
    story.settle()
    assert "privacy policy" not in caplog.text
    story.rule(OPEN)
    story.settle()
    assert "privacy policy of crm/customer is another one" in caplog.text


def test_a_plan_shows_what_the_policy_would_have_sent(story: Ruled) -> None:
    story.person("王伟", mobile="13800000007")
    story.person("李伟", abroad=0)
    plan = story.plan()
    [write] = plan.writes
    assert write.fields["Mobile"] == (None, "138****0007")
    assert plan.passes[0].counts.letters == 1
    assert story.people() == {}
    assert story.sent["crm"] == []
    with story.store().read() as tx:
        assert tally.letters(tx) == 0


# --- a person's facts and their other records -----------------------------------------------------


def test_a_customers_change_wakes_their_linked_feedback_in_the_same_run(tmp_path: Path) -> None:
    story = Ruled(tmp_path, kinds=(C, F))
    number = story.person("王伟", mail="w@example.test")
    note = story.sql("INSERT INTO remarks (client, title, body) VALUES (1, 't', 'one')")
    story.run()
    story.sql("UPDATE clients SET abroad = 0 WHERE no = :n", n=number)
    assert story.settle().exit == 5, "no consent to the transfer any more"
    story.sql("UPDATE remarks SET body = 'two' WHERE id = :n", n=note)
    story.settle()
    assert set(letters(story)) == {"policy_no_consent_abroad"}
    story.sql("UPDATE clients SET abroad = 1 WHERE no = :n", n=number)
    story.settle()
    assert [one["fields"]["Body"] for one in story.vendor.dump(F)] == ["two"]
    assert letters(story) == []
    story.close()
