"""Ledgerly's plugin keeps the plugin contract, against its stand-in over a real socket."""

from connector_ledgerly import plugin

from connector.plugin import Kind, Target
from connector.testing.sandboxed import SandboxedContract

PEOPLE = Target(
    object="people", fields=("name", "mail", "mobile", "city", "labels"), key_field="key"
)


class TestLedgerly(SandboxedContract):
    plugin = plugin
    targets = {Kind.CUSTOMER: PEOPLE}
    settings = {"page_size": 3}
