"""A running sandbox in a process of its own, with the hands of its administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.plugin import Fields, Ref
from connector.sandbox.handle import SandboxProcess
from connector_zoho.sandbox.auth import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN


class ZohoSandbox(SandboxProcess):
    """Implements `connector.plugin.SandboxHandle`; README: Sandbox."""

    module = "connector_zoho.sandbox"
    noun = "module"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "plugin": "zoho",
            "accounts_url": self.url,
            "api_url": self.url,
            "upload_url": self.url,
            "download_url": self.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "allow_loopback": True,
        }

    def remove(self, object: str, ref: Ref) -> None:
        """Put a record into the recycle bin."""
        self.at("delete", object, id=ref)

    def restore(self, object: str, ref: Ref) -> None:
        """Bring a record back from the recycle bin."""
        self.at("restore", object, id=ref)

    def merge(self, object: str, winner: Ref, loser: Ref, fields: Fields | None = None) -> None:
        """Make one record of two; the loser is gone."""
        self.at("merge", object, winner=winner, loser=loser, fields=dict(fields or {}))
