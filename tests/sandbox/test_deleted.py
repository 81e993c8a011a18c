"""README: Deleted feed, and the recycle bin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.sandbox.client import NOON, Client

DAY = 86_400


def _gone(zoho: Client) -> str:
    ref = zoho.contact()
    assert zoho.call("DELETE", f"Contacts/{ref}").status == 200
    return ref


def _token_again(zoho: Client) -> None:
    zoho.token = zoho.refresh()["access_token"]


def test_a_deleted_record_is_in_the_bin_and_nowhere_else(zoho: Client) -> None:
    ref = _gone(zoho)
    row = zoho.get("Contacts/deleted", type="all").rows[0]
    assert (row["id"], row["type"], row["display_name"]) == (ref, "recycle", "Lin")
    assert row["deleted_time"] == "2026-01-31T12:00:00+08:00"
    assert zoho.get(f"Contacts/{ref}").status == 204
    assert zoho.get("Contacts", fields="Email").status == 204


@pytest.mark.parametrize(("kind", "status"), [("recycle", 200), ("permanent", 204), ("all", 200)])
def test_the_feed_filters_by_type(zoho: Client, kind: str, status: int) -> None:
    _gone(zoho)
    assert zoho.get("Contacts/deleted", type=kind).status == status


def test_a_bad_type_is_refused(zoho: Client) -> None:
    answer = zoho.get("Contacts/deleted", type="some")
    assert (answer.code, answer.details["param_name"]) == ("PATTERN_NOT_MATCHED", "type")


def test_nothing_deleted_is_204_and_nothing_since_304(zoho: Client) -> None:
    assert zoho.get("Contacts/deleted").status == 204
    _gone(zoho)
    for second, status in ((0, 200), (1, 304)):
        at = datetime.fromtimestamp(NOON + second, UTC).isoformat()
        assert zoho.get("Contacts/deleted", {"If-Modified-Since": at}).status == status


def test_the_bin_keeps_sixty_days_and_the_feed_a_hundred_and_twenty(zoho: Client) -> None:
    _gone(zoho)
    for day, kind in ((60, "recycle"), (61, "permanent"), (120, "permanent")):
        zoho.clock.at = NOON + day * DAY
        _token_again(zoho)
        row = zoho.get("Contacts/deleted").rows[0]
        assert (row["type"], row["display_name"] is None) == (kind, kind == "permanent")
    zoho.clock.at = NOON + 121 * DAY
    _token_again(zoho)
    assert zoho.get("Contacts/deleted").status == 204


def test_the_feed_pages_newest_first(zoho: Client) -> None:
    refs = []
    for _ in range(3):
        refs.append(_gone(zoho))
        zoho.clock.at += 1
    first = zoho.get("Contacts/deleted", per_page="2")
    assert ([row["id"] for row in first.rows], first.body["info"]["more_records"]) == (
        refs[:0:-1],
        True,
    )
    second = zoho.get("Contacts/deleted", per_page="2", page="2")
    assert ([row["id"] for row in second.rows], second.body["info"]["more_records"]) == (
        refs[:1],
        False,
    )


def test_the_feed_may_end_at_two_thousand(zoho: Client) -> None:
    assert zoho.get("Contacts/deleted", page="11").status == 204
    zoho.admin("switch", deleted_pages="2000")
    assert zoho.get("Contacts/deleted", page="11").code == "DISCRETE_PAGINATION_LIMIT_EXCEEDED"


def test_a_deletion_may_show_late(zoho: Client) -> None:
    ref = zoho.contact()
    zoho.admin("limits", feed_lag_s=10)
    zoho.call("DELETE", f"Contacts/{ref}")
    assert zoho.get("Contacts/deleted").status == 204
    assert zoho.get("Contacts", fields="Email").status == 200
    zoho.clock.at += 10
    assert zoho.get("Contacts/deleted").status == 200
    assert zoho.get("Contacts", fields="Email").status == 204


@pytest.mark.parametrize(("form", "moves"), [("kept", False), ("moved", True)])
def test_a_restored_record_comes_back_with_its_old_time_or_a_new_one(
    zoho: Client, form: str, moves: bool
) -> None:
    ref = _gone(zoho)
    zoho.clock.at += 60
    zoho.admin("switch", restored=form)
    zoho.admin("restore", module="Contacts", id=ref)
    assert zoho.get("Contacts/deleted").status == 204
    row = zoho.get("Contacts", fields="Modified_Time").rows[0]
    assert (row["Modified_Time"] == "2026-01-31T12:01:00+08:00") is moves


def test_a_restore_through_the_api_names_each_record(zoho: Client) -> None:
    ref = _gone(zoho)
    answer = zoho.call("POST", "settings/recycle_bin/actions/restore", {"ids": [ref, "7"]})
    assert answer.status == 207
    assert [one["code"] for one in answer.body["recycle_bin"]] == ["SUCCESS", "INVALID_DATA"]
    assert zoho.get(f"Contacts/{ref}").status == 200


def test_a_purged_record_is_permanent_and_cannot_come_back(zoho: Client) -> None:
    ref = _gone(zoho)
    answer = zoho.call("DELETE", "settings/recycle_bin", ids=ref)
    assert answer.body["recycle_bin"][0]["code"] == "SUCCESS"
    assert zoho.get("Contacts/deleted").rows[0]["type"] == "permanent"
    again = zoho.call("POST", f"settings/recycle_bin/{ref}/actions/restore")
    assert again.status == 400


def test_purging_needs_ids_and_no_more_than_a_hundred(zoho: Client) -> None:
    assert zoho.call("DELETE", "settings/recycle_bin").code == "REQUIRED_PARAM_MISSING"
    many = ",".join(["7"] * 101)
    assert zoho.call("DELETE", "settings/recycle_bin", ids=many).code == "LIMIT_EXCEEDED"


def test_deleting_what_is_gone_is_an_error_for_that_record_alone(zoho: Client) -> None:
    ref, other = _gone(zoho), zoho.contact()
    answer = zoho.call("DELETE", "Contacts", ids=f"{ref},{other}")
    assert answer.status == 207
    assert [row["code"] for row in answer.rows] == ["INVALID_DATA", "SUCCESS"]


@pytest.mark.parametrize("code", ["UNABLE_TO_PARSE_DATA_TYPE", "INVALID_DATA"])
def test_a_malformed_id_on_delete_has_two_codes(zoho: Client, code: str) -> None:
    zoho.admin("switch", bad_id_on_delete=code)
    assert zoho.call("DELETE", "Contacts/lin").code == code


def test_deleting_needs_ids_and_no_more_than_a_hundred(zoho: Client) -> None:
    assert zoho.call("DELETE", "Contacts").code == "REQUIRED_PARAM_MISSING"
    assert zoho.call("DELETE", "Contacts", ids=",".join(["7"] * 101)).code == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(("form", "status"), [("permanent", 200), ("unlisted", 204)])
def test_a_merge_takes_the_loser_away_and_moves_its_links(
    zoho: Client, form: str, status: int
) -> None:
    zoho.admin("switch", merge_loser=form)
    winner, loser = zoho.contact(), zoho.contact(Phone="1")
    card = zoho.insert("Memberships", {"Name": "会员", "Customer": {"id": loser}}).id
    before = zoho.get(f"Memberships/{card}").rows[0]["Modified_Time"]
    zoho.clock.at += 60
    zoho.admin("merge", module="Contacts", winner=winner, loser=loser, fields={"Phone": "1"})
    assert zoho.get(f"Contacts/{loser}").status == 204
    assert zoho.get("Contacts/deleted").status == status
    assert zoho.get(f"Contacts/{winner}").rows[0]["Phone"] == "1"
    moved = zoho.get(f"Memberships/{card}").rows[0]
    assert (moved["Customer"]["id"], moved["Modified_Time"]) == (winner, before)
