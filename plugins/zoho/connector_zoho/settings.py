"""What `[connections.NAME]` says when its plugin is zoho."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connector.http.limits import parse_rate
from connector_zoho import facts

RATE = "80000/86400s"
"""80 % of the day's credits that the Standard edition can have at most; see `rate`."""
_EXCHANGE = 1.5
"""A session lets one exchange take so many times `timeout_s`."""


class ZohoSettings(BaseModel):
    """Where the organisation is, how to log in, and how hard to work it."""

    # Without `hide_input_in_errors` a fault in one line would print the secrets of the others.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    accounts_url: str
    """Accounts server of the data centre, like https://accounts.zoho.com.cn."""
    api_url: str
    """API host of the same data centre; the token answer must name the same."""
    upload_url: str = ""
    """Content host, for bulk uploads."""
    client_id: SecretStr
    client_secret: SecretStr
    refresh_token: SecretStr
    allow_loopback: bool = False
    """True only for sandboxes."""
    timeout_s: float = Field(default=20.0, gt=0, le=300)
    """How long to wait for the vendor, each time."""
    call_life_s: float = Field(default=30.0, gt=0, le=3600)
    """No request lands later than this after it was sent; at least 1.5 times `timeout_s`."""
    rate: str = RATE
    """Credits we may use, as "N/SECONDSs", shared by all processes on one state."""
    workflows: bool = False
    """Let our writes set off the organisation's workflows."""
    coql: Literal["auto", True, False] = "auto"
    """Read by queries. "auto": until the login turns out to lack the scope for them."""
    list_page: int = Field(default=facts.LIST_PAGE, ge=1, le=facts.LIST_PAGE)
    query_page: int = Field(default=facts.COQL_ROWS, ge=1, le=facts.COQL_ROWS)
    feed_lag_s: float = Field(default=120.0, ge=0)
    """A commit shows in lists and queries at latest after this."""

    @field_validator("accounts_url", "api_url", "upload_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("rate")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        parse_rate(value)
        return value

    @model_validator(mode="after")
    def _lives_long_enough(self) -> ZohoSettings:
        if self.call_life_s < _EXCHANGE * self.timeout_s:
            raise ValueError("call_life_s must be at least 1.5 times timeout_s")
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """The hosts that a session may speak to."""
        return tuple(url for url in (self.accounts_url, self.api_url, self.upload_url) if url)
