"""What the administrator can turn: switches between the vendor's forms, and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.sandbox.limits import Limits as BaseLimits
from connector_zoho import facts

SWITCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "all_failed_status": ("400", "202", "200"),
    "mixed_status": ("207", "200"),
    "upsert_inserted_status": ("200", "201"),
    "throttle_code": ("TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED"),
    "write_errors": ("bare", "in_data"),
    "unknown_id": ("204", "400"),
    "unknown_field": ("ignored", "refused"),
    "unknown_option": ("added", "refused"),
    "not_modified": ("304", "204"),
    "scope_error_status": ("401", "403"),
    "token_throttle_status": ("200", "400"),
    "search_criteria": ("10", "15"),
    "page_token": ("position", "key"),
    "bad_id_on_delete": ("UNABLE_TO_PARSE_DATA_TYPE", "INVALID_DATA"),
    "zulu_times": ("refused", "accepted"),
    "decimals": ("refused", "rounded"),
    "several_errors": ("first", "all"),
    "restored": ("kept", "moved"),
    "merge_loser": ("permanent", "unlisted"),
    "hidden_record": ("refused", "absent"),
    "text": ("kept", "trimmed"),
    "phone": ("kept", "stripped"),
    "deleted_pages": ("unbounded", "2000"),
    "expires_in": ("seconds", "milliseconds"),
    "field_names": ("label", "numbered"),
    "field_keys": ("kept", "dropped"),
    "bulk_progress": ("IN PROGRESS", "INPROGRESS"),
    "bulk_heads": ("RECORD_ID", "ID"),
    "bulk_lookup_head": ("bare", "dotted"),
    "bulk_times": ("american", "iso_too"),
}
"""Switch to the forms it knows; the first is in force. README: Sandbox, switches."""


def default_switches() -> dict[str, str]:
    """The documented form of everything."""
    return {name: forms[0] for name, forms in SWITCHES.items()}


@dataclass(slots=True)
class Limits(BaseLimits):
    """Sizes, lags and budgets. None = no limit. README: Sandbox, limits."""

    list_page: int = facts.LIST_PAGE
    """Most records on a list page, whatever `per_page` asks."""
    list_by_number: int = facts.LIST_BY_NUMBER
    list_by_token: int = facts.LIST_BY_TOKEN
    coql_rows: int = facts.COQL_ROWS
    """Most rows of a query's answer, whatever `limit` asks."""
    coql_offset: int = facts.COQL_OFFSET
    search_total: int = facts.SEARCH_TOTAL
    search_lag_s: float = 0.0
    feed_lag_s: float = 0.0
    """A commit shows in lists, queries and the deleted feed only so much later."""
    credits: int | None = None
    """Credits in a rolling day."""
    rate_calls: int | None = None
    """Calls in `rate_window_s`."""
    rate_window_s: int = 60
    concurrency: int | None = None
    """Calls in flight."""
    heavy_concurrency: int | None = None
    """Calls of the heavy kind in flight."""
    bulk_read_rows: int = facts.BULK_READ_ROWS
    """Records in one result of a bulk read."""
    bulk_write_rows: int = facts.BULK_WRITE_ROWS
    bulk_jobs: int | None = None
    """Bulk jobs under way at one time."""
    bulk_job_s: float = 0.0
    """A bulk job is done only so much later; what it writes lands then."""
    bulk_result_life_s: float = facts.BULK_RESULT_LIFE.total_seconds()
    tokens_per_window: int = facts.TOKENS_PER_WINDOW
    active_tokens: int = facts.ACTIVE_ACCESS_TOKENS
    access_token_life_s: float = facts.ACCESS_TOKEN_LIFE.total_seconds()
