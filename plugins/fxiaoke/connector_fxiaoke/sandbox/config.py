"""What the administrator can turn: switches between the vendor's forms, and limits.

Every behaviour that the published facts leave open or contradict is a switch here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.sandbox.limits import Limits as BaseLimits
from connector_fxiaoke import facts

SWITCHES: Final[Mapping[str, tuple[str, ...]]] = {
    # the whole gateway
    "host": ("gateway", "redirect"),
    "unknown_path": ("404", "302"),
    "business_code": ("50009", "32000"),
    "throttle_code": ("30004", "14001"),
    "wrong_family": ("10006", "32000", "50009"),
    # login
    "token_concurrency_code": ("14001", "30004", "-1"),
    "pairing_code": ("20016", "11014"),
    "user_code": ("20012", "11008"),
    "mixed_code": ("20016", "15002"),
    # reading
    "list_shape": ("dataList", "bare"),
    "over_limit": ("refused", "capped", "served"),
    "odd_offset": ("floor", "exact", "refused"),
    "unknown_operator": ("ignored", "refused"),
    "unknown_filter_field": ("refused", "ignored"),
    "between_ends": ("inclusive", "exclusive"),
    "text_case": ("exact", "folded"),
    "projection": ("strict", "with_companions", "ignored"),
    "preset_shows_invalid": ("no", "yes"),
    "custom_shows_invalid": ("yes", "no"),
    "deleted_get": ("empty_data", "no_data", "50009", "32000"),
    "hidden_get": ("50009", "32000", "empty_data", "no_data", "served"),
    "pool_seen": ("yes", "no"),
    "numbers_as": ("string", "number"),
    "time_step": ("1", "1000"),
    "describe_param": ("either", "data", "top"),
    "describe_max_length": ("yes", "no"),
    "areas": ("text", "codes"),
    # writing
    "create_answer": ("top", "data", "none_for_custom"),
    "update_partial": ("yes", "no"),
    "update_unchanged": ("counts", "nothing"),
    "owner_update": ("ignored", "refused"),
    "owner_required": ("yes", "no"),
    "owner_form": ("list", "string", "either"),
    "owner_counts": ("yes", "no"),
    "lock_counts": ("no", "yes"),
    "invalid_moves": ("yes", "no"),
    "invalid_is_deleted": ("no", "yes"),
    "invalid_again": ("refused", "accepted"),
    "invalid_holds_unique": ("yes", "no"),
    "delete_live": ("refused", "ignored", "deleted"),
    "approval": ("off", "on"),
    "unknown_field": ("ignored", "refused"),
    "read_only": ("ignored", "refused"),
    "unknown_option": ("refused", "accepted"),
    "dangling_reference": ("refused", "accepted"),
    "unique_enforced": ("yes", "no"),
    "clear_accepts": ("both", "null", "empty"),
    "number_written": ("string", "either"),
    "decimals": ("rounded", "refused"),
    "phone_format": ("checked", "free"),
}
"""Switch to the forms it knows; the first is in force until the administrator says otherwise."""


def default_switches() -> dict[str, str]:
    """The form that we take for the likeliest, of everything."""
    return {name: forms[0] for name, forms in SWITCHES.items()}


@dataclass(slots=True)
class Limits(BaseLimits):
    """Sizes, lags and budgets. None = no limit."""

    page: int = facts.PAGE
    offset: int = facts.MAX_OFFSET
    index_lag_s: float = 0.0
    """A commit shows in lists only so much later, whole; until then they show what was before."""
    rate_calls: int | None = facts.RATE_CALLS
    """Calls of one path in `rate_window_s`."""
    rate_window_s: int = int(facts.RATE_WINDOW.total_seconds())
    quota: int | None = None
    """Calls a day, China time; 0: none was bought."""
    tokens_per_window: int = facts.TOKENS_PER_WINDOW
    token_life_s: float = facts.TOKEN_LIFE.total_seconds()
    token_renewed_after_s: float = facts.TOKEN_RENEWED_AFTER.total_seconds()
