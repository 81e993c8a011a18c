"""What `[connections.NAME]` says of a Ledgerly account."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connector.http.settings import HttpSettings, Url


class LedgerlySettings(HttpSettings):
    """Where the account is, its key, and how hard to work it."""

    api_url: Url = "https://api.ledgerly.example"
    """The API host."""
    api_key: SecretStr
    """Made under Settings > Keys. It may read and write all records."""

    timeout_s: float = Field(default=20.0, gt=0, le=300)
    call_life_s: float = Field(default=40.0, gt=0, le=3600)
    rate: str = "300/60s"
    page_size: int = Field(default=100, ge=1, le=100)
    """Records in a page."""
