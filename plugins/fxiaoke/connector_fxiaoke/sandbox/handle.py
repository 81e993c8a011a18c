"""A running sandbox in a process of its own, with the hands of its administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.plugin import Ref
from connector.sandbox.handle import SandboxProcess
from connector_fxiaoke.sandbox.auth import APP_ID, APP_SECRET, PERMANENT_CODE


class FxiaokeSandbox(SandboxProcess):
    """Implements `connector.plugin.SandboxHandle`."""

    module = "connector_fxiaoke.sandbox"
    noun = "object"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "plugin": "fxiaoke",
            "api_url": self.url,
            "auth_style": "header",
            "app_id": APP_ID,
            "app_secret": APP_SECRET,
            "permanent_code": PERMANENT_CODE,
            "user_id": "1000",
            "owner": "1000",
            "allow_loopback": True,
        }

    def remove(self, object: str, ref: Ref) -> None:
        """Invalidate a record."""
        self.at("remove", object, id=ref)

    def recover(self, object: str, ref: Ref) -> None:
        """Bring an invalidated record back."""
        self.at("recover", object, id=ref)

    def purge(self, object: str, ref: Ref) -> None:
        """Delete a record for good, invalidated or not."""
        self.at("purge", object, id=ref)

    def lock(self, object: str, ref: Ref, on: bool = True) -> None:
        """Lock a record against edits, or unlock it."""
        self.at("lock", object, id=ref, on=on)

    def pool(self, object: str, ref: Ref) -> None:
        """Put a record into its object's pool; it has no owner then."""
        self.at("pool", object, id=ref)

    def review(self, object: str, ref: Ref, *, approved: bool = True) -> None:
        """End a record's review."""
        self.at("review", object, id=ref, approved=approved)
