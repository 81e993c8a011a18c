"""What `[connections.NAME]` says of every vendor that is reached over HTTP."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from connector.errors import SettingsError
from connector.http.limits import parse_rate

EXCHANGE: Final = 1.5
"""A session lets one exchange take so many times `timeout_s`, however steadily it drips."""


def _no_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_no_slash)]
"""An origin or a base address, without a slash at its end."""


class HttpSettings(BaseModel):
    """How to reach a vendor, and how hard to work it. A plugin gives defaults and adds its own."""

    # Without `hide_input_in_errors` a fault in one line would print the secrets of the others.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    allow_loopback: bool = False
    """True only for sandboxes."""
    timeout_s: float = Field(gt=0, le=300)
    """How long to wait for the vendor, each time."""
    call_life_s: float = Field(gt=0, le=3600)
    """No request lands later than this after it was sent; at least 1.5 times `timeout_s`."""
    rate: str
    """What we may use of the vendor's limit, as "N/SECONDSs", shared by all processes on one
    state."""

    record_url: str = ""
    """Where people find a record in the vendor's own pages: an https address with `{ref}` and, if
    wanted, `{object}` in it. Vendors do not publish its form: copy one from the browser."""

    def url_of(self, object_: str, ref: str) -> str | None:
        """The address of one record; None without `record_url`."""
        if not self.record_url:
            return None
        return self.record_url.format(object=quote(object_, safe=""), ref=quote(ref, safe=""))

    @field_validator("record_url")
    @classmethod
    def _is_record_url(cls, value: str) -> str:
        holes = re.findall(r"\{[^{}]*\}|[{}]", value)
        known = set(holes) <= {"{ref}", "{object}"} and "{ref}" in holes
        if value and not (known and re.fullmatch(r"https://[^\s@]+", value)):
            raise ValueError("record_url is an https:// address with {ref}, and {object} if wanted")
        return value

    @field_validator("rate")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        try:
            parse_rate(value)
        except SettingsError:
            # a fault of this key, so that it is told with its name and beside the others
            raise ValueError('rate is written like "80/20s": 80 units in 20 seconds') from None
        return value

    @model_validator(mode="after")
    def _lives_long_enough(self) -> Self:
        if self.call_life_s < EXCHANGE * self.timeout_s:
            raise ValueError(f"call_life_s must be at least {EXCHANGE} times timeout_s")
        return self
