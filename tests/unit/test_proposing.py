"""What `init` decides, from tables that are given as values: no database is asked."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest
import yaml

from connector.proposing import elsewhere
from connector.proposing.found import Ask, Column, Pointing, Sort, Table
from connector.proposing.looks import look_at
from connector.proposing.proposal import KindProposal
from connector.proposing.propose import choose, propose, questions, settle
from connector.proposing.words import is_secret
from connector.proposing.write import gaps, mapping_file, settings_file
from connector.records import Kind

C, M, F = Kind.CUSTOMER, Kind.MEMBERSHIP, Kind.FEEDBACK


def column(name: str, sort: Sort = "text", values: tuple[Any, ...] = (), **more: Any) -> Column:
    """A column that may be empty and holds these values."""
    told = {"optional": True, "null": True, "secret": is_secret(name), **more}
    look = look_at(values) if told.get("readable", True) and not told["secret"] else None
    codes = frozenset(str(v) for v in values if v is not None) if len(values) < 9 else frozenset()
    return Column(name=name, sort=sort, look=look, codes=codes, **told)


def table(name: str, *columns: Column, keys: tuple[str, ...] = ("id",), **more: Any) -> Table:
    """A table that counts up its `id`, unless told otherwise."""
    held = (
        (column("id", "whole", null=False, unique=True), *columns) if keys == ("id",) else columns
    )
    told = {"makes_keys": keys == ("id",), "rows": 5, "whole": True, **more}
    return Table(name=name, keys=keys, columns={one.name: one for one in held}, **told)


def people(*more: Column, **how: Any) -> Table:
    phone = column("mobile", values=("13800000001", "13800000002"), unique=True)
    return table("people", column("full_name", values=("Ada", "Bo")), phone, *more, **how)


def proposal(
    tables: list[Table], sure: float = 1.0, zero: bool = False
) -> dict[Kind, KindProposal]:
    """All kinds; every question is answered alike."""
    found: dict[Kind, KindProposal] = {}
    for kind, (one, others) in choose(tables).items():
        customers = found.get(C)
        answers = {a: Pointing(sure, 5, zero) for a in questions(kind, one, tables, customers)}
        found[kind] = propose(
            kind, one, others, tables=tables, customers=customers, answers=answers
        )
    settle(list(found.values()))
    return found


def settings(found: dict[Kind, KindProposal]) -> tuple[Any, str]:
    """`[local]` as it is written, and the text around it."""
    text = settings_file(
        tenant="t", url="sqlite:///x.db", kinds=list(found.values()), chinese=False, plugins={}
    )
    return tomllib.loads(text)["local"], text


def fields(one: KindProposal) -> Any:
    return yaml.safe_load(mapping_file(one))["fields"]


# --- capture ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "unwatched", "capture"),
    [
        (column("updated_at", "datetime", indexed=True), "", "journal"),
        (column("updated_at", "datetime", indexed=True), "no right", "column"),
        (column("updated_at", "datetime"), "no right", "scan"),
        (column("update_time", "whole", indexed=True), "no right", "column"),
        (column("updated_at", "text", ("soon",), indexed=True), "no right", "scan"),
        (column("city"), "no right", "scan"),
    ],
)
def test_capture_is_by_triggers_else_by_an_indexed_time_else_by_looking_at_all(
    time: Column, unwatched: str, capture: str
) -> None:
    local, text = settings(proposal([people(time, unwatched=unwatched)]))
    assert local["customer"]["capture"] == capture
    assert local["customer"].get("modified") == (time.name if capture == "column" else None)
    line = text.splitlines().index(f'capture = "{capture}"')
    assert text.splitlines()[line - 1].startswith("# ")


def test_a_time_of_change_is_no_field_of_the_record() -> None:
    found = proposal([people(column("updated_at", "datetime"))])
    assert "updated_at" not in mapping_file(found[C])


# --- deletions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "condition"),
    [
        (column("is_deleted", "whole", (0, 1)), {"equals": 1}),
        (column("is_deleted", "flag", (False,)), {"equals": True}),
        (column("deleted", "text", ("N",)), {"equals": "Y"}),
        (column("deleted", "text", ("n", "y")), {"equals": "y"}),
        (column("deleted_at", "datetime"), {"is_null": False}),
        (column("is_deleted", "whole", (0, 7)), None),
        (column("deleted_at", "whole", (0,), null=False), None),
    ],
)
def test_rows_that_are_marked_as_deleted_are_so_in_the_settings(
    mark: Column, condition: dict[str, Any] | None
) -> None:
    local, text = settings(proposal([people(mark)]))
    wanted = None if condition is None else {"column": mark.name, **condition}
    assert local["customer"].get("deleted") == wanted
    assert ("# deleted = " in text) == (condition is None)


# --- kinds in the customers' rows ---------------------------------------------------------------


def ranks(*names: str) -> Table:
    return table("member_levels", column("level_name", values=names), rows=len(names))


LEVEL = column("member_level_id", "whole", (1, 2))


def test_a_membership_in_the_customers_rows_is_part_of_them() -> None:
    found = proposal([people(LEVEL, column("points", "whole", (5, 6))), ranks("a", "b")])
    local, _ = settings(found)
    assert local["membership"]["exists"] == {"column": "member_level_id", "is_null": False}
    assert local["membership"]["part_of"] == "customer"
    assert {"table", "key", "capture", "deleted"} & set(local["membership"]) == set()
    assert fields(found[M])["points"]["direction"] == "push"
    assert "customer" not in fields(found[M])
    assert "member_level_id" not in mapping_file(found[C]), "it is the membership's"
    assert "points" not in mapping_file(found[C])


def test_a_column_of_the_customer_is_not_the_membership_s_too() -> None:
    grade, card = column("member_grade", values=("a", "b")), column("card_no", values=("1", "2"))
    found = proposal([people(grade, card)])
    assert fields(found[C])["value_tier"]["column"] == "member_grade"
    assert set(fields(found[M])) == {"card_no"}


def test_an_inner_kind_without_a_column_that_only_it_fills_waits_for_a_person() -> None:
    level = replace(LEVEL, null=False)
    found = proposal([people(level), ranks("a", "b")])
    local, text = settings(found)
    assert "membership" not in local
    assert "# DECIDE: which rows hold one?" in text


def test_a_status_of_the_customer_is_no_membership() -> None:
    assert M not in proposal([people(column("status", "whole", (0, 1)))])


# --- other tables -------------------------------------------------------------------------------


def test_an_id_is_looked_up_where_a_small_table_names_it() -> None:
    found = proposal([people(LEVEL), ranks("a", "b")])
    line = fields(found[M])["tier"]
    assert line["lookup"] == {"table": "member_levels", "key": "id", "value": "level_name"}
    assert "direction" not in line


def test_names_that_are_not_unique_are_read_and_not_written_back() -> None:
    found = proposal([people(LEVEL), ranks("a", "a")])
    assert fields(found[M])["tier"]["direction"] == "push"


@pytest.mark.parametrize("spoil", [{"whole": False}, {"keys": ("id", "lang")}])
def test_a_large_table_or_one_without_a_key_of_one_column_names_nothing(spoil: Any) -> None:
    other = replace(ranks("a", "b"), **spoil)
    found = proposal([people(LEVEL), other])
    assert "tier" not in found[M].mapped
    assert "no small table was found" in mapping_file(found[M])


def test_ids_that_the_other_table_does_not_all_have_are_no_lookup() -> None:
    found = proposal([people(LEVEL), ranks("a", "b")], sure=0.9)
    assert "tier" not in found[M].mapped


def cards(**how: Any) -> Table:
    own = (column("person_id", "whole"), column("card_no", values=("A", "B")), column("valid_to"))
    return table("cards", *own, **how)


def test_a_ledger_is_added_up_without_its_deleted_lines() -> None:
    ledger = table(
        "reward_log",
        *(column("card_id", "whole"), column("change", "whole", (5, -5))),
        *(column("deleted_at", "datetime"), column("is_deleted", "whole", null=False)),
    )
    line = fields(proposal([people(), cards(), ledger])[M])["points"]
    assert line["sum"] == {
        "table": "reward_log",
        "column": "change",
        "key": "card_id",
        "where": {"deleted_at": None, "is_deleted": 0},
    }
    assert line["lens"] == "integer"


def test_a_ledger_moves_no_time_of_its_rows() -> None:
    ledger = table("points", column("card_id", "whole"), column("points", "whole", (5,)))
    times = column("updated_at", "datetime", indexed=True)
    home = cards(unwatched="no right")
    home = replace(home, columns={**home.columns, "updated_at": times})
    text = settings(proposal([people(), home, ledger]))[1]
    assert "the daily look finds it" in text


def test_a_ledger_with_fractions_waits_for_a_person() -> None:
    ledger = table("points", column("card_id", "whole"), column("points", "number", (0.5,)))
    found = proposal([people(), cards(), ledger])
    assert "points" not in found[M].mapped
    assert "fractions" in mapping_file(found[M])


def test_orders_are_no_ledger_of_points() -> None:
    orders = table("orders", column("card_id", "whole"), column("amount", "whole", (5,)))
    assert "points" not in proposal([people(), cards(), orders])[M].mapped


# --- whose row ----------------------------------------------------------------------------------


def remarks(*more: Column) -> Table:
    return table("remarks", column("subject"), column("body"), *more)


def test_a_row_without_a_key_of_a_customer_is_matched_by_what_it_calls_them() -> None:
    found = proposal([people(), remarks(column("mobile", values=("13800000001",)))])
    assert fields(found[F])["customer"] == {
        "column": "mobile",
        "match": "phones.mobile",
        "lens": {"reference": {"kind": "customer"}},
    }


def test_a_match_of_which_few_values_are_customers_waits_for_a_person() -> None:
    tables = [people(), remarks(column("mobile", values=("13800000001",)))]
    found = proposal(tables, sure=0.2)
    assert "customer" not in found[F].mapped
    assert "few of its values" in mapping_file(found[F])


def test_a_key_goes_before_a_match() -> None:
    told = (column("person_id", "whole"), column("mobile", values=("13800000001",)))
    found = proposal([people(), remarks(*told)])
    line = fields(found[F])["customer"]
    assert "match:" not in mapping_file(found[F])
    assert line == {"column": "person_id", "lens": {"reference": {"kind": "customer"}}}


def test_feedback_of_nobody_says_so() -> None:
    found = proposal([people(), remarks()])
    assert "# DECIDE: whose feedback a row is" in mapping_file(found[F])


# --- columns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "direction"),
    [
        (column("city"), None),
        (column("city", writable=False), "push"),
        (column("city", readable=False), "pull"),
        (column("created_at", "datetime"), "push"),
        (column("postcode", "whole", (28001,)), "push"),
    ],
)
def test_a_column_is_read_only_or_written_only_where_its_rights_or_type_say_so(
    one: Column, direction: str | None
) -> None:
    found = fields(proposal([people(one)])[C])
    (line,) = [line for line in found.values() if line["column"] == one.name]
    assert line.get("direction") == direction


@pytest.mark.parametrize(
    "name", ["password_hash", "health_notes", "身份证号", "ethnicity", "api_key"]
)
def test_a_column_with_a_secret_is_in_no_line_and_no_remark(name: str) -> None:
    found = proposal([people(column(name, values=("kanari",)))])
    text = mapping_file(found[C])
    assert name not in text
    assert "hold secrets: 1." in text


def test_codes_that_the_makers_explain_are_understood() -> None:
    sex = column("sex", "whole", (0,), meanings={"0": "女", "1": "男"})
    assert fields(proposal([people(sex)])[C])["gender"]["lens"] == {
        "choice": {"male": 1, "female": 0, "else": "refuse"}
    }


def test_numbers_for_a_text_wait_for_a_person() -> None:
    found = proposal([people(column("source", "whole", (1, 2)))])
    assert "source" not in found[C].mapped


def test_a_name_one_logs_in_with_is_nobody_s_name() -> None:
    found = proposal([table("users", column("username"), column("mobile"), column("mail"))])
    assert "names.full" not in found[C].mapped


def test_the_only_name_is_the_nickname() -> None:
    found = fields(proposal([table("users", column("nickname"), column("mobile"))])[C])
    assert found["names.full"] == {"column": "nickname", "lens": "text"}
    assert found["names.preferred"]["direction"] == "push"


# --- keys, gaps, questions ----------------------------------------------------------------------


def test_a_key_of_two_columns_is_written_and_makes_no_rows() -> None:
    keyed = (column("shop", null=False), column("no", "whole", null=False))
    found = proposal([people(*keyed, keys=("shop", "no"))])
    local, text = settings(found)
    assert local["customer"]["key"] == ["shop", "no"]
    assert local["customer"]["create"] is False
    assert "# DECIDE: the database gives new rows no key" in text


def test_rows_without_a_key_name_customers_of_a_key_of_two_columns_by_a_match_alone() -> None:
    keyed = (column("shop", null=False), column("no", "whole", null=False))
    found = proposal([people(*keyed, keys=("shop", "no")), remarks(column("person_id", "whole"))])
    assert "customer" not in found[F].mapped
    assert "their key has several columns" in mapping_file(found[F])


def test_a_column_that_a_new_row_needs_is_asked_for() -> None:
    found = proposal([people(column("branch", optional=False, null=False))])
    local, text = settings(found)
    assert local["customer"]["create"] is False
    assert "# defaults = { branch = <value> }" in text


def test_a_column_that_is_only_read_fills_no_new_row() -> None:
    found = proposal([people(column("city", optional=False, null=False, writable=False))])
    assert "# defaults = { city = <value> }" in settings(found)[1]


def test_a_table_without_any_key_waits_for_a_person_and_the_rest_loads() -> None:
    local, text = settings(proposal([people(keys=()), remarks(column("mobile"))]))
    assert set(local) == {"url", "zone", "feedback"}
    assert "# DECIDE: nothing that is declared names a row" in text


def test_a_membership_needs_a_customer_and_an_island_is_none() -> None:
    island = table("cards", column("card_no"), column("valid_to"))
    assert M not in proposal([people(), island])


def test_gaps_are_what_the_files_mark() -> None:
    found = proposal([people(column("sex", "whole", (7,)))])
    text = mapping_file(found[C])
    (gap,) = gaps({"customer.yaml": text})
    assert text.splitlines()[gap.line - 1].strip() == f"# DECIDE: {gap.sentence}"
    assert gap.sentence.startswith("sex, ")


def test_each_question_is_asked_once() -> None:
    tables = [people(LEVEL), ranks("a", "b")]
    customers = propose(C, tables[0])
    asks = questions(M, tables[0], tables, customers)
    assert asks == [Ask("people", "member_level_id", "member_levels", "id")]
    assert list(elsewhere.lookup_targets(tables[0], LEVEL, tables)) == [tables[1]]
