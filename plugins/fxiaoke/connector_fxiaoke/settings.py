"""What `[connections.NAME]` says when its plugin is fxiaoke.

The vendor's pages leave several behaviours open, and tenants may differ in them. Each one that
matters to us is a setting here, with the safe side as its default; `doctor` looks and advises.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from connector.http.settings import HttpSettings, Url
from connector_fxiaoke import facts

RATE = "80/20s"
"""80 % of the calls that one path may take; other programs of the tenant share the limit."""
_OPEN_PERSON = "FSUID_"


class FxiaokeSettings(HttpSettings):
    """Where the tenant is, how to log in, how hard to work it, and how it behaves."""

    api_url: Url = facts.CLOUDS["fxiaoke"]
    """The API host of the tenant's cloud; `facts.CLOUDS` lists them."""
    auth_style: Literal["header", "legacy"] = "header"
    """The newer login, whose token travels in a header, or the older one, in the body. Each has its
    own name for the tenant: a state store stays with the one it began with."""
    app_id: SecretStr
    app_secret: SecretStr
    permanent_code: SecretStr
    user_id: str = Field(default="1000", min_length=1)
    """The employee we act as, best a CRM administrator who sees all rows: what this person may not
    see is missing without an error. `FSUID_…` with auth_style = "legacy"."""
    owner: str = ""
    """The employee who owns the records we create, where no field is mapped to `owner`; an
    `FSUID_…` with the older login or open_ids."""
    record_type: str = facts.DEFAULT_RECORD_TYPE
    """The record type of what we create."""

    timeout_s: float = Field(default=30.0, gt=0, le=300)
    call_life_s: float = Field(default=60.0, gt=0, le=3600)
    rate: str = RATE
    """Calls we may make on each path, as "N/SECONDSs", shared by all processes on one state."""
    quota: int | None = Field(default=None, ge=1)
    """Calls we may make in a day on all paths together; none: as many as the tenant bought."""
    concurrency: int = Field(default=4, ge=1, le=32)
    """Calls under way at once: each write and each read by id is a call of its own."""
    page_size: int = Field(default=facts.PAGE, ge=1, le=facts.PAGE)
    """Records in a page."""
    workflows: bool = False
    """Let our writes set off the tenant's workflows."""
    approvals: bool = False
    """Let our writes begin approvals; a record under review can be changed by nobody."""
    zone: str = facts.TENANT_ZONE
    """The tenant's time zone: a day is stored as its midnight there."""

    feed_lag_s: float = Field(default=120.0, ge=0)
    """A commit shows in queries, which an index serves, at latest after this."""
    find_lag_s: float | Literal["unknown"] = 60.0
    """A commit is found by its key at latest after this. "unknown": a create whose answer was lost
    is then left to a person, because not finding it proves nothing."""
    reads_invalidated: bool = False
    """True where queries show invalidated records, and invalidation moves their time of change:
    the changes then tell of every removal. False relies on nothing, and takes those that come."""
    deleted_get: Literal["undecided", "auto", "empty", "error"] = "auto"
    """What a read of a record that was deleted for good answers, and one of a record that our user
    may not see does not. "auto": nothing, if a read of an id that never was answers nothing too.
    "empty": nothing at all. "error": a refusal. "undecided": nobody knows, so what is missing waits
    for a person. All but the last want a `user_id` who sees all records, or a tenant that answers
    otherwise for what is hidden: hidden records would be taken for deleted."""
    clear_with: Literal["null", "empty"] = "null"
    """What empties a field: null, or an empty text or list."""
    unique_key: bool = False
    """True where the tenant refuses a second record with our key."""
    open_ids: bool = False
    """Persons in values as `FSUID_…` with auth_style = "header" too."""

    @field_validator("find_lag_s")
    @classmethod
    def _not_negative(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not 0 <= value < 86_400:
            raise ValueError('find_lag_s is a number of seconds, or "unknown"')
        return value

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, LookupError):
            raise ValueError("zone must be a name such as Asia/Shanghai") from None
        return value

    @model_validator(mode="after")
    def _persons_as_written(self) -> FxiaokeSettings:
        legacy = self.auth_style == "legacy"
        if legacy and not self.user_id.startswith(_OPEN_PERSON):
            raise ValueError('user_id must be an `FSUID_…` where auth_style is "legacy"')
        if self.owner and (legacy or self.open_ids) != self.owner.startswith(_OPEN_PERSON):
            raise ValueError("owner must be written as persons in values are; see open_ids")
        return self

    @property
    def find_lag(self) -> timedelta | None:
        """None where not finding a record proves nothing."""
        lag = self.find_lag_s
        return None if isinstance(lag, str) else timedelta(seconds=lag)
