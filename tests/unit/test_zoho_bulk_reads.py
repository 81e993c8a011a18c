"""A bulk read shows what a query shows, whatever fails, and pays for no job twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from connector_zoho import facts
from connector_zoho.bulk.jobs import Jobs
from connector_zoho.client import Client

from connector.errors import (
    CursorExpiredError,
    LoginRefusedError,
    RetryableError,
    SettingsError,
    UsageError,
    VendorError,
)
from connector.http.archive import private_file
from connector.plugin import Seen, Target
from connector.records import Kind
from tests.unit.rig import all_seen
from tests.unit.zoho_rig import TARGETS, C, Rig

WIDE = (
    *("Last_Name", "First_Name", "Full_Name", "Email", "Mobile", "Email_Opt_Out", "Description"),
    *("Date_of_Birth", "Account_Name", "Customer_Stage", "Do_Not_Contact", "Customer_Created"),
    *("RFM_Recency", "RFM_Monetary", "Churn_Risk", "Customer_Tags", "Owner", "Mailing_Street"),
)
EVERYTHING = {C: Target(object="Contacts", fields=WIDE, key_field="Connector_Key")}


def whole(seen: list[Seen]) -> dict[str, Any]:
    return {one.ref: one for one in seen}


def people(rig: Rig) -> None:
    account = rig.sandbox.create("Accounts", {"Account_Name": "Acme, Ltd."})
    rig.sandbox.create(
        "Contacts",
        {
            "Last_Name": "=cmd|' /C calc'!A0",
            "First_Name": 'say "so"',
            "Email": "lin@example.test",
            "Mobile": "+86 138 0000 0001",
            "Email_Opt_Out": True,
            "Description": "one\r\ntwo,\nthree\r",
            "Date_of_Birth": "1990-01-31",
            "Account_Name": {"id": account},
            "Customer_Stage": "忠诚客户",
            "Customer_Created": "2026-01-31T10:00:00+08:00",
            "RFM_Recency": 0,
            "RFM_Monetary": 25,
            "Churn_Risk": 0.0125,
            "Customer_Tags": ["VIP", "会员日"],
            "Connector_Key": "0017",
            "Mailing_Street": "  two  blanks ",
        },
    )
    rig.sandbox.create("Contacts", {"Last_Name": "007", "Churn_Risk": -1e-4, "RFM_Recency": -3})


@pytest.mark.parametrize("head", ["bare", "dotted"])
def test_every_sort_of_value_reads_as_by_query(rig: Rig, head: str) -> None:
    people(rig)
    rig.sandbox.switch(bulk_lookup_head=head)
    rig.sandbox.admin("zone", zone="America/New_York")
    remote = rig.open(EVERYTHING)
    remote.describe(C)
    ordinary = whole(all_seen(remote.changes(C, None, None)))
    assert whole(all_seen(remote.bulk_read(C, None))) == ordinary
    assert len(ordinary) == 2


def test_more_fields_than_a_query_takes_come_at_once(rig: Rig) -> None:
    names = [f"X{n}" for n in range(60)]
    fields = [{"api_name": name, "data_type": "text"} for name in names]
    rig.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": fields}])
    target = Target(object="Contacts", fields=("Last_Name", *names), key_field="Connector_Key")
    rig.contacts(3, X0="first", X59="last")
    remote = rig.open({C: target})
    ordinary = whole(all_seen(remote.changes(C, None, None)))
    before = rig.calls("fetch")
    assert whole(all_seen(remote.bulk_read(C, None))) == ordinary
    assert rig.calls("fetch") == before
    narrow = rig.open().bulk_read_terms(C)
    assert remote.bulk_read_terms(C).pays_above < narrow.pays_above


def test_a_field_that_the_privacy_settings_hide_is_not_delivered(rig: Rig) -> None:
    hidden = {"api_name": "Mobile", "data_type": "phone", "private": {"restricted": True}}
    rig.sandbox.admin("define", modules=[{"api_name": "Contacts", "fields": [hidden]}])
    rig.contacts(1, Mobile="138")
    [seen] = all_seen(rig.open().bulk_read(C, None))
    assert "Mobile" not in seen.fields and "Email" in seen.fields


def test_many_records_are_several_jobs_and_one_clock(rig: Rig) -> None:
    refs = set(rig.contacts(5))
    rig.sandbox.limits(bulk_read_rows=2)
    pages = []
    for page in rig.open().bulk_read(C, None):
        pages.append(page)
        rig.sandbox.now(advance=5)
    assert {one.ref for one in all_seen(pages)} == refs
    assert len({page.read_at for page in pages}) == 1
    assert rig.calls("bulk_read") == {"bulk_read": 3}


def test_a_reading_goes_on_behind_each_page_of_each_job(rig: Rig) -> None:
    refs = rig.contacts(5)
    rig.sandbox.limits(bulk_read_rows=3)
    remote = rig.open(query_page=1)
    met: list[str] = []
    for page in remote.bulk_read(C, None):
        met += [one.ref for one in page.seen]
        if page.resume is not None:
            rest = all_seen(remote.bulk_read(C, page.resume))
            assert sorted(met + [one.ref for one in rest]) == sorted(refs)
    assert sorted(met) == sorted(refs)


def test_a_job_that_takes_long_is_waited_for_and_then_left_for_the_next_run(rig: Rig) -> None:
    rig.contacts(2)
    rig.sandbox.limits(bulk_job_s=3600)
    remote = rig.open(bulk_wait_s=20)
    place = next(iter(remote.bulk_read(C, None))).resume
    for _ in range(2):
        with pytest.raises(RetryableError) as caught:
            list(remote.bulk_read(C, place))
        assert caught.value.after_s
    assert rig.host.clock.slept[-3:] == [2.0, 4.0, 8.0]
    rig.sandbox.now(advance=3600)
    assert len(all_seen(remote.bulk_read(C, place))) == 2
    assert rig.calls("bulk_read") == {"bulk_read": 1}


@pytest.mark.parametrize("how", ["failed", "forgotten", "gone", "other fields", "no place"])
def test_a_job_that_is_of_no_use_any_more_begins_anew(rig: Rig, how: str) -> None:
    rig.contacts(1)
    remote = rig.open()
    if how == "failed":
        rig.sandbox.fault("failed_job", operation="bulk_read")
    place = next(iter(remote.bulk_read(C, None))).resume
    if how == "forgotten":
        rig.sandbox.fault(
            "error", operation="bulk_read_state", status=404, code="RESOURCE_NOT_FOUND"
        )
    if how == "gone":
        rig.sandbox.now(advance=90_000)
        rig.host.clock.moved += timedelta(seconds=90_000)
    if how == "other fields":
        rig.sandbox.at("drop_field", "Contacts", field="Mobile")
    if how == "no place":
        place = b'{"job": 7}'
    with pytest.raises(CursorExpiredError):
        list(remote.bulk_read(C, place))
    assert all_seen(remote.bulk_read(C, None))


def test_half_of_a_result_is_noticed_before_the_last_page(rig: Rig) -> None:
    refs = rig.contacts(6)
    remote = rig.open(query_page=1)
    rig.sandbox.fault("short_result", operation="bulk_read_result")
    met, place = set[str](), None
    with pytest.raises(RetryableError):
        for page in remote.bulk_read(C, None):
            met |= {one.ref for one in page.seen}
            place = page.resume
    met |= {one.ref for one in all_seen(remote.bulk_read(C, place))}
    assert met == set(refs)
    assert rig.calls("bulk_read") == {"bulk_read": 1}


@pytest.mark.parametrize("name", ["html", "empty"])
def test_a_result_that_is_no_archive_is_refused(rig: Rig, name: str) -> None:
    rig.contacts(1)
    rig.sandbox.fault(name, operation="bulk_read_result")
    with pytest.raises(VendorError):
        list(rig.open().bulk_read(C, None))


def test_an_answer_about_another_job_is_not_believed(rig: Rig) -> None:
    rig.contacts(1)
    rig.sandbox.fault("wrong_record", operation="bulk_read_state")
    with pytest.raises(RetryableError, match="another job"):
        list(rig.open().bulk_read(C, None))


@pytest.mark.parametrize("name", ["lost_before", "lost_after", "truncated"])
def test_a_download_that_breaks_off_is_repeated(rig: Rig, name: str) -> None:
    refs = rig.contacts(3)
    rig.sandbox.fault(name, operation="bulk_read_result")
    assert {one.ref for one in all_seen(rig.open().bulk_read(C, None))} == set(refs)


@pytest.mark.parametrize("name", ["lost_before", "lost_after", "error", "throttled"])
def test_a_start_that_fails_is_one_to_repeat(rig: Rig, name: str) -> None:
    rig.contacts(1)
    remote = rig.open()
    rig.sandbox.fault(name, operation="bulk_read")
    with pytest.raises(RetryableError):
        list(remote.bulk_read(C, None))
    assert len(all_seen(remote.bulk_read(C, None))) == 1


def test_a_login_without_the_scope_is_told_so(rig: Rig) -> None:
    rig.sandbox.admin("grant", refresh_token="narrow", scopes=list(facts.SCOPES))
    with pytest.raises(LoginRefusedError):
        list(rig.open(refresh_token="narrow").bulk_read(C, None))


def test_what_a_table_would_spoil_is_refused_before_anything_is_sent(rig: Rig) -> None:
    options = {
        "api_name": "Benefits",
        "data_type": "multiselectpicklist",
        "pick_list_values": ["a;b"],
    }
    rig.sandbox.admin("define", modules=[{"api_name": "Memberships", "fields": [options]}])
    with pytest.raises(UsageError, match="Benefits"):
        list(rig.open(TARGETS).bulk_read(Kind.MEMBERSHIP, None))
    with pytest.raises(UsageError, match="rate"):
        list(rig.open(rate="500/86400s").bulk_read(C, None))
    assert rig.calls("bulk_read") == {}


def test_a_job_pays_above_some_ten_thousand_records(rig: Rig) -> None:
    assert rig.open().bulk_read_terms(C).pays_above == 46_000
    assert rig.open(coql=False).bulk_read_terms(C).pays_above == 14_200
    assert rig.open().bulk_write_terms(C).pays_above == 5_280


# --- addresses that the vendor tells ---

EVIL = (
    "https://evil.test/v2/crm/1/bulk-write/41/41.zip",
    "https://download-accl.zoho.com.evil.test/v2/crm/1/bulk-write/41/41.zip",
    "https://user@download-accl.zoho.com/v2/crm/1/bulk-write/41/41.zip",
    "https://download-accl.zoho.com:444/v2/crm/1/bulk-write/41/41.zip",
    "http://download-accl.zoho.com/v2/crm/1/bulk-write/41/41.zip",
    "https://127.0.0.1/v2/crm/1/bulk-write/41/41.zip",
    "https://2130706433/v2/crm/1/bulk-write/41/41.zip",
    "https://download-accl.zoho.com/v2/crm/1/bulk-write/42/42.zip",
    "https://download-accl.zoho.com/v2/crm/1/bulk-write/41/../../41/41.zip",
    "https://download-accl.zoho.com/v2/crm/1/bulk-write/41/41.zip?next=https://evil.test",
    "https://download-accl.zoho.com/v2/crm/1/bulk-write/41/41.zip#x",
    "https://download-accl.zoho.com/crm/v8/Contacts",
    "https://download-accl.zoho.com\\@evil.test/v2/crm/1/bulk-write/41/41.zip",
    "file:///v2/crm/1/bulk-write/41/41.zip",
    "//evil.test/v2/crm/1/bulk-write/41/41.zip",
    "",
)


@pytest.mark.parametrize("url", EVIL)
def test_a_result_is_fetched_from_known_places_only(rig: Rig, url: str) -> None:
    settings = rig.settings(download_url="https://download-accl.zoho.com")
    jobs = Jobs(Client(settings, rig.host), settings, rig.host.clock, lambda: "1")
    with private_file() as into, pytest.raises((SettingsError, VendorError)) as refused:
        jobs.fetch_write("41", url, into)
    assert not isinstance(refused.value, RetryableError), "nobody was asked"
    assert into.closed and not rig.calls("bulk_write_result", "unknown")


def test_the_published_host_of_results_is_allowed_in_its_centre(rig: Rig) -> None:
    us = rig.settings(api_url="https://www.zohoapis.com", download_url="")
    cn = rig.settings(api_url="https://www.zohoapis.com.cn", download_url="")
    assert "https://download-accl.zoho.com" in us.file_origins
    assert all("download" not in one for one in cn.file_origins)
