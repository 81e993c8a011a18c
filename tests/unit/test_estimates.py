"""What the plugins reckon for very much work: by calls, and in bulk."""

from __future__ import annotations

from typing import Any

from connector_fxiaoke.estimating import estimate as in_fxiaoke
from connector_fxiaoke.settings import FxiaokeSettings
from connector_zoho import facts
from connector_zoho.estimating import estimate as in_zoho
from connector_zoho.settings import ZohoSettings

from connector.estimates import Workload

ALL = Workload(create=200_000)


def zoho(**more: Any) -> ZohoSettings:
    hosts = {"accounts_url": "https://a.example.test", "api_url": "https://b.example.test"}
    secrets = {"client_id": "i", "client_secret": "s", "refresh_token": "t"}
    return ZohoSettings(**{**hosts, **secrets, **more})


def fxiaoke(**more: Any) -> FxiaokeSettings:
    secrets = {"app_id": "i", "app_secret": "s", "permanent_code": "p"}
    told = {"api_url": "https://f.example.test", **secrets, **more}
    return FxiaokeSettings(**told)


def test_zoho_takes_a_credit_for_ten_records_by_calls_and_five_hundred_for_a_job() -> None:
    by_calls = in_zoho(zoho(), ALL, queries=True, bulk=False)
    by_jobs = in_zoho(zoho(), ALL, queries=True, bulk=True)
    assert 20_000 <= by_calls.cost <= 20_020
    assert 8 * facts.CREDITS["bulk_write"] <= by_jobs.cost <= 8 * 540
    assert by_jobs.calls < by_calls.calls / 8
    assert {fact.certainty for fact in by_jobs.facts} == {"documented", "unverified", "chosen"}


def test_a_spent_budget_makes_it_take_days() -> None:
    slow = in_zoho(zoho(rate="5000/86400s"), ALL, queries=True, bulk=False)
    assert slow.takes.days == 3


def test_reading_by_lists_takes_more_than_by_queries() -> None:
    read = Workload(read=100_000)
    by_query = in_zoho(zoho(), read, queries=True, bulk=False)
    by_list = in_zoho(zoho(), read, queries=False, bulk=False)
    assert by_query.cost < by_list.cost
    assert by_query.calls < by_list.calls


def test_fxiaoke_takes_a_call_for_each_record_and_its_rate_says_how_long() -> None:
    found = in_fxiaoke(fxiaoke(), Workload(create=100_000))
    assert (found.unit, found.cost) == ("calls", found.calls)
    assert 100_000 <= found.calls <= 100_010
    assert 6.9 < found.takes.total_seconds() / 3600 < 7.0
    assert in_fxiaoke(fxiaoke(quota=10_000), Workload(create=100_000)).takes.days == 10
