"""What a migration takes here, in calls, credits and time; README: Limits and credits, Bulk."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from connector.estimates import Estimate, Fact, Workload
from connector.http.limits import parse_rate
from connector_zoho import facts
from connector_zoho.settings import ZohoSettings

CALL_S: Final = 1.0
"""We reckon with one second for a call. A choice, no fact."""
JOB_S: Final = 600.0
"""We reckon with ten minutes for a job, its wait at the vendor in it. No page says."""
LOGIN_CALLS: Final = 5
"""The organisation, and a module's fields and rights."""
JOB_CALLS: Final = facts.BULK_LOOKS + 5

_CALLS: Final = (
    Fact(text="A write of a hundred records is one call and ten credits.", certainty="documented"),
    Fact(text=f"A query of {facts.COQL_ROWS} records costs three credits.", certainty="documented"),
    Fact(text="A call is reckoned with one second.", certainty="unverified"),
)
_JOBS: Final = (
    Fact(
        text=f"A job writes {facts.BULK_WRITE_ROWS} records for"
        f" {facts.CREDITS['bulk_write']} credits.",
        certainty="documented",
    ),
    Fact(text="A job is reckoned with ten minutes, its wait in it.", certainty="unverified"),
)


def estimate(settings: ZohoSettings, work: Workload, *, queries: bool, bulk: bool) -> Estimate:
    """See `connector.estimates.Estimates`. `queries`: the login may use them."""
    calls, cost = LOGIN_CALLS, LOGIN_CALLS
    page = settings.query_page if queries else settings.list_page
    pages = _parts(work.read, page) + 1
    calls, cost = calls + pages, cost + pages * (facts.coql_credits(page) if queries else 1)
    jobs = _parts(work.create, facts.BULK_WRITE_ROWS) if bulk else 0
    for records in (work.update, 0 if bulk else work.create):
        calls += _parts(records, facts.WRITE_BATCH)
        cost += _parts(records, facts.RECORDS_PER_WRITE_CREDIT)
    seconds = calls * CALL_S + jobs * JOB_S
    calls += jobs * JOB_CALLS
    cost += jobs * (facts.CREDITS["bulk_write"] + JOB_CALLS)
    rate = parse_rate(settings.rate)
    waiting = max(0, cost - rate.units) * rate.per_s / rate.units
    told = Fact(text=f"The connection may spend {settings.rate}.", certainty="chosen")
    return Estimate(
        calls=calls,
        cost=cost,
        unit="credits",
        takes=timedelta(seconds=max(seconds, waiting)),
        facts=(*(_JOBS if jobs else ()), *_CALLS, told),
    )


def _parts(records: int, most: int) -> int:
    return -(-records // most)
