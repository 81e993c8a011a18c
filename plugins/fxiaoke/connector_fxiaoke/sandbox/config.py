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
    # --- the whole gateway ---
    # redirect: every path answers 302 with a page, as www.fxiaoke.com does
    "host": ("gateway", "redirect"),
    "unknown_path": ("404", "302"),
    # code of a record's or a row's refusal (required, unique, option, right, not found, shape)
    "business_code": ("50009", "32000"),
    # code of too many calls
    "throttle_code": ("30004", "14001"),
    # code of an object that the path does not serve, and of one that does not exist
    "wrong_family": ("10006", "32000", "50009"),
    # --- login ---
    "token_concurrency_code": ("14001", "30004", "-1"),
    # code of a token with another enterprise's name
    "pairing_code": ("20016", "11014"),
    # code of an unknown acting employee
    "user_code": ("20012", "11008"),
    # code of both styles in one request
    "mixed_code": ("20016", "15002"),
    # --- reading ---
    # digits of a new row's id; older rows have 32
    "id_digits": ("24", "32"),
    # rows in `data.dataList`, or `data` is the list
    "list_shape": ("dataList", "bare"),
    # `limit` beyond the most
    "over_limit": ("refused", "capped", "served"),
    # an offset that is no multiple of `limit`
    "odd_offset": ("floor", "exact", "refused"),
    "unknown_operator": ("ignored", "refused"),
    "unknown_filter_field": ("refused", "ignored"),
    "between_ends": ("inclusive", "exclusive"),
    # how texts compare in filters
    "text_case": ("exact", "folded"),
    # whether `fieldProjection` keeps employees' contact data away
    "projection": ("strict", "with_companions", "ignored"),
    # whether lists show invalidated rows; custom objects did in a live tenant
    "preset_shows_invalid": ("no", "yes"),
    "custom_shows_invalid": ("yes", "no"),
    # what `get` says of an id that is deleted or unknown: `data` empty, no `data`, or a code
    "deleted_get": ("empty_data", "no_data", "50009", "32000"),
    # what `get` says of a row that the acting employee may not see
    "hidden_get": ("50009", "32000", "empty_data", "no_data", "served"),
    # whether rows in a pool are seen at all
    "pool_seen": ("yes", "no"),
    # how numbers are told; the version is a text either way
    "numbers_as": ("string", "number"),
    # milliseconds in one step of create_time and last_modified_time
    "time_step": ("1", "1000"),
    # where `describe` looks for `apiName`
    "describe_param": ("either", "data", "top"),
    "describe_max_length": ("yes", "no"),
    # country, province, city, district as texts, or as codes of countryAreaOptions
    "areas": ("text", "codes"),
    # --- writing ---
    # where a create tells the id: at the top level, in `data`, or for custom objects nowhere
    "create_answer": ("top", "data", "none_for_custom"),
    # no: fields left out of an update are emptied
    "update_partial": ("yes", "no"),
    # an update to the values that are there: counts as a change or not
    "update_unchanged": ("counts", "nothing"),
    # `owner` in an update
    "owner_update": ("ignored", "refused"),
    # no: a create without owner makes the acting employee the owner
    "owner_required": ("yes", "no"),
    # `ownerId` of changeOwner: ["1000"] or "[1000]"
    "owner_form": ("list", "string", "either"),
    # whether changeOwner moves time and version
    "owner_counts": ("yes", "no"),
    # whether lock and unlock move them
    "lock_counts": ("no", "yes"),
    # whether invalidate and recover move them
    "invalid_moves": ("yes", "no"),
    "invalid_again": ("refused", "accepted"),
    # whether an invalidated row says `is_deleted`
    "invalid_is_deleted": ("no", "yes"),
    # whether an invalidated row keeps others from its unique values
    "invalid_holds_unique": ("yes", "no"),
    # delete of a row that is not invalidated
    "delete_live": ("refused", "ignored", "deleted"),
    # on: a write that does not say `triggerApprovalFlow: false` puts the row into review
    "approval": ("off", "on"),
    "unknown_field": ("ignored", "refused"),
    "read_only": ("ignored", "refused"),
    "unknown_option": ("refused", "accepted"),
    # a reference to a row that is not there
    "dangling_reference": ("refused", "accepted"),
    "unique_enforced": ("yes", "no"),
    # what empties a field on update; the other one has no effect
    "clear_accepts": ("both", "null", "empty"),
    # numbers on write: as texts only, or as JSON numbers too
    "number_written": ("string", "either"),
    # more decimals than the field has
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
