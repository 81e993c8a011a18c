"""What comes wrong: values, keys, databases, disks, and a second run beside the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import LeaseHeldError, LocalError, SettingsError, StoreError
from connector.local import capture
from tests.story import C, M, Story
from tests.sync.hub import one


def names(story: Story) -> list[str]:
    return sorted(d["fields"]["Last"] for d in story.vendor.dump(C))


def letters(story: Story) -> dict[str, str | None]:
    return {one.code: one.field for one in story.review().letters()}


# --- values ---------------------------------------------------------------------------------------


def test_an_optional_value_too_long_is_left_out_and_listed(story: Story) -> None:
    story.client("Ada", mail="ada@example.test", job="j" * 41, tags="a")
    report = story.settle()
    assert "Job" not in story.people()["Ada"]
    assert story.people()["Ada"]["Tags"] == ["a"]
    [one] = story.review().letters()
    assert (one.code, one.field) == ("too_long", "Job")
    assert "jjj" not in one.reason
    assert report.exit == 0
    story.settle()
    story.sql("UPDATE clients SET job = 'smith'")
    story.settle()
    assert story.people()["Ada"]["Job"] == "smith"
    assert letters(story) == {}


def test_a_mandatory_value_too_long_is_a_letter_and_nothing_is_cut_off(story: Story) -> None:
    story.client("A" * 81, mail="ada@example.test")
    assert story.settle().exit == 5
    assert story.vendor.dump(C) == []
    assert letters(story) == {"too_long": "Last"}


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("job", "ba\x00ker", {"nul": "Job"}),
        ("tags", "a,nobody knows this", {"not_an_option": "Tags"}),
    ],
    ids=["NUL", "unknown option"],
)
def test_a_value_the_vendor_cannot_hold_is_left_out_alone(
    story: Story, column: str, value: str, told: dict[str, str | None]
) -> None:
    story.client("Ada", mail="ada@example.test", city="Hill", **{column: value})
    story.settle()
    [made] = story.vendor.dump(C)
    held = {"Last": "Ada", "Mail": "ada@example.test", "City": "Hill", "Opt_Out": False}
    assert made["fields"] == held
    assert letters(story) == told
    before = story.sql("SELECT * FROM clients")
    story.settle()
    assert story.sql("SELECT * FROM clients") == before, "the shop's own value is left alone"


def test_a_phone_that_is_none_is_kept_as_it_stands(story: Story) -> None:
    story.client("Ada", mail="ada@example.test", mobile="ask at the bar")
    story.settle()
    assert story.people()["Ada"]["Mobile"] == "ask at the bar"
    story.settle()
    assert story.sql("SELECT mobile FROM clients")[0]["mobile"] == "ask at the bar"


def test_four_byte_text_arrives_whole(story: Story) -> None:
    story.client("阿达 👩‍🍳 𠮷", mail="ada@example.test")
    story.settle()
    assert names(story) == ["阿达 👩‍🍳 𠮷"]


def test_a_date_out_of_range_is_left_out_and_the_card_goes(story: Story) -> None:
    ada = story.client("Ada", mail="ada@example.test")
    story.sql("INSERT INTO cards (client, card, ends) VALUES (:c, 'K1', '2026-02-31')", c=ada)
    story.settle()
    [card] = story.vendor.dump(M)
    assert card["fields"].get("Ends") is None
    assert story.sql("SELECT ends FROM cards")[0]["ends"] == "2026-02-31"


def test_an_option_of_the_vendors_that_nobody_knows_changes_nothing_in_the_shop(
    story: Story,
) -> None:
    ada = story.client("Ada", mail="ada@example.test")
    story.sql("INSERT INTO cards (client, card, kind) VALUES (:c, 'K1', '月卡')", c=ada)
    story.settle()
    cards = story.vendor.schemas[M]
    plan = replace(cards.fields["Plan"], options=("Month", "Year", "None", "Weekly"))
    wider = replace(cards, fields={**cards.fields, "Plan": plan})
    story.vendor.schemas = {**story.vendor.schemas, M: wider}
    story.vendor.edit(M, one(story.vendor, M)["ref"], {"Plan": "Weekly"})
    story.settle()
    assert story.sql("SELECT kind FROM cards")[0]["kind"] == "月卡"
    assert one(story.vendor, M)["fields"]["Plan"] == "Weekly"


def test_a_row_that_the_shops_table_refuses_is_a_letter_without_the_value(story: Story) -> None:
    story.sql("CREATE UNIQUE INDEX one_job ON clients (job)")
    story.client("Ada", mail="ada@example.test", job="baker")
    for last in ("Bo", "Cy"):
        story.vendor.create(
            C,
            {"Last": last, "Mail": f"{last}@example.test", "Job": "baker" if last == "Bo" else "x"},
        )
    assert story.settle().exit == 5
    rows = story.sql("SELECT full_name FROM clients ORDER BY full_name")
    assert [r["full_name"] for r in rows] == ["Ada", "Cy"]
    [one] = story.review().letters()
    assert one.code == "local_constraint"
    assert "clients.job" in one.reason
    assert "baker" not in one.reason


def test_letters_are_dropped_and_the_record_stays_until_somebody_edits_it(story: Story) -> None:
    number = story.client("A" * 81, mail="ada@example.test")
    story.settle()
    review = story.review()
    review.drop(review.letters()[0].id)
    assert story.settle().exit == 0
    assert story.vendor.dump(C) == []
    story.sql("UPDATE clients SET full_name = 'Ada' WHERE no = :n", n=number)
    story.settle()
    assert names(story) == ["Ada"]


# --- keys -----------------------------------------------------------------------------------------


def test_a_missing_key_stops_that_person_alone_and_never_looks_like_first_contact(
    story: Story,
) -> None:
    ada = story.client("Ada", mail="ada@example.test", job="baker")
    bo = story.client("Bo", mail="bo@example.test", job="baker")
    story.settle()
    with story.store().read() as tx:
        subject = tx.execute(
            sa.text("SELECT subject FROM link WHERE local_id = :n"), {"n": str(ada)}
        ).scalar_one()
    _reopened_without(story, subject)
    story.sql("UPDATE clients SET job = 'smith' WHERE no IN (:a, :b)", a=ada, b=bo)
    report = story.settle()
    assert report.exit == 5
    assert (story.people()["Ada"]["Job"], story.people()["Bo"]["Job"]) == ("baker", "smith")
    assert list(letters(story)) == ["key_missing"]


def _reopened_without(story: Story, subject: str) -> None:
    """A keys database that was put back from before this person came, in a new process."""
    story.vault.close()
    engine = sa.create_engine(f"sqlite:///{story.folder}/keys.db")
    with engine.begin() as tx:
        table = sa.Table("subject", sa.MetaData(), autoload_with=tx)
        key = next(iter(table.primary_key.columns))
        assert tx.execute(sa.delete(table).where(key == subject)).rowcount == 1
    engine.dispose()
    story.vault = story.open_vault()


# --- the wrong place ------------------------------------------------------------------------------


def test_state_of_another_account_is_refused_before_any_record_is_read(story: Story) -> None:
    story.client("Ada", mail="ada@example.test")
    story.settle()
    story.vendor.account = "somebody-else"
    story.vendor.calls.clear()
    with pytest.raises(SettingsError, match="another account") as told:
        story.run()
    assert told.value.exit_code == 3
    assert dict(story.vendor.calls) == {"account": 1}


def test_state_of_another_shop_is_refused_before_any_record_is_read(story: Story) -> None:
    story.client("Ada", mail="ada@example.test")
    story.settle()
    store = story.store()
    story.sql(
        f"UPDATE crm_connector_applied_{store.store_id} SET key = 'b' WHERE intent = 'identity'"
    )
    story.vendor.calls.clear()
    with pytest.raises(SettingsError, match="another local database"):
        story.run()
    assert dict(story.vendor.calls) == {}


def test_a_shop_in_which_nothing_watches_is_refused(story: Story) -> None:
    with story.shop_engine.begin() as tx:
        capture.remove(tx, story.store().store_id)
    with pytest.raises(SettingsError, match="local install"):
        story.run()


# --- a second run ---------------------------------------------------------------------------------


def test_a_second_run_beside_the_first_leaves_it_alone(story: Story) -> None:
    story.client("Ada", mail="ada@example.test")
    seen: list[Any] = []

    def beside(point: str) -> None:
        if point == "before call: write" and not seen:
            seen.append(None)
            seen[0] = story.runner().run()
            with pytest.raises(LeaseHeldError) as told:
                story.runner().run(fail_if_locked=True)
            assert told.value.exit_code == 7

    story.hook = beside
    assert story.run().exit == 0
    [second] = seen
    assert second.passes == []
    assert "Another run" in second.skipped[0]
    assert (names(story), story.vendor.calls["create"]) == (["Ada"], 1)


# --- databases that go away -----------------------------------------------------------------------


def test_a_shop_that_goes_away_in_the_middle_loses_nothing(story: Story) -> None:
    for n in range(5):
        story.client(f"P{n}", mail=f"p{n}@example.test")
        story.vendor.create(C, {"Last": f"V{n}", "Mail": f"v{n}@example.test"})
    gone: list[int] = []

    @sa.event.listens_for(story.shop_engine, "before_cursor_execute", retval=True)
    def away(conn: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> Any:
        if gone and "clients" in statement:
            raise sa.exc.OperationalError(statement, values, Exception("server closed"))
        return statement, values

    story.hook = lambda point: gone.append(1) if point == "before call: local write" else None
    told = stopped_by(story)
    assert isinstance(told, LocalError)
    assert "@example.test" not in str(told)
    gone.clear()
    story.hook = lambda point: None
    story.settle()
    story.settle()
    rows = story.sql("SELECT full_name FROM clients ORDER BY full_name")
    everybody = [*(f"P{n}" for n in range(5)), *(f"V{n}" for n in range(5))]
    assert [r["full_name"] for r in rows] == everybody == names(story)


@pytest.mark.parametrize("full", ["state", "shop"])
def test_a_full_disk_ends_the_run_and_loses_nothing(story: Story, full: str) -> None:
    for n in range(60):
        story.client(f"P{n:02}", mail=f"p{n}@example.test", street="long street " * 9)
        story.vendor.create(
            C,
            {
                "Last": f"V{n:02}",
                "Mail": f"v{n}@example.test",
                "Street": "y" * 99,
                "City": "z" * 99,
            },
        )
    engine = story.state_engine if full == "state" else story.shop_engine
    raw: Any = engine.raw_connection().driver_connection
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages}")
    told = stopped_by(story)
    assert isinstance(told, LocalError if full == "shop" else StoreError)
    assert "@example.test" not in str(told)
    raw.execute("PRAGMA max_page_count = 1000000")
    for _ in range(3):
        story.settle()
    rows = story.sql("SELECT full_name FROM clients ORDER BY full_name")
    assert [r["full_name"] for r in rows] == names(story)
    assert len(rows) == 120


def stopped_by(story: Story) -> Exception:
    """The error that ended a run, whichever way it was told."""
    try:
        report = story.run()
    except (LocalError, StoreError) as error:
        return error
    [stopped] = report.errors
    return stopped
