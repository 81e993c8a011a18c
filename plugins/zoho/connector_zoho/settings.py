"""What `[connections.NAME]` says when its plugin is zoho."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connector.http.settings import HttpSettings, Url
from connector_zoho import facts

RATE = "80000/86400s"
"""80 % of the day's credits that the Standard edition can have at most; see `rate`."""


class ZohoSettings(HttpSettings):
    """Where the organisation is, how to log in, and how hard to work it."""

    accounts_url: Url
    """Accounts server of the data centre, like https://accounts.zoho.com.cn."""
    api_url: Url
    """API host of the same data centre; the token answer must name the same."""
    upload_url: Url = ""
    """Content host, for bulk uploads."""
    download_url: Url = ""
    """Host that results of bulk writes are fetched from; empty: as published, where it is."""
    client_id: SecretStr
    client_secret: SecretStr
    refresh_token: SecretStr

    timeout_s: float = Field(default=20.0, gt=0, le=300)
    call_life_s: float = Field(default=30.0, gt=0, le=3600)
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

    bulk_above: int | None = Field(default=None, ge=0)
    """More new records than this go to a migration's bulk jobs; none: where a job is cheaper."""
    bulk_wait_s: float = Field(default=900.0, ge=0)
    """How long one call waits for a bulk job; then the run goes on when called again."""
    bulk_timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """As `timeout_s`, for files of bulk jobs."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The hosts that a session may speak to."""
        return tuple(url for url in (self.accounts_url, self.api_url, self.upload_url) if url)

    @property
    def file_origins(self) -> tuple[str, ...]:
        """The hosts that files of bulk jobs may go to and come from."""
        told = (self.api_url, self.upload_url, self.download_url or self._published_download)
        return tuple(dict.fromkeys(url for url in told if url))

    @property
    def _published_download(self) -> str:
        host = self.api_url.removeprefix("https://")
        for centre, (_, api, _) in facts.DATA_CENTRES.items():
            if api == host and centre in facts.DOWNLOAD_HOSTS:
                return f"https://{facts.DOWNLOAD_HOSTS[centre]}"
        return ""
