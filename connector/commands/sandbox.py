"""`sandbox PLUGIN`: a stand-in of a vendor on this machine, until it is stopped."""

from __future__ import annotations

import json
from typing import Any

import click

from connector.commands import output
from connector.commands.group import json_option, rate_option
from connector.commands.invocation import Invocation
from connector.demo.scene import references, toml_table


@click.command()
@click.argument("plugin")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 picks a free one.")
@rate_option("What it takes, such as 80/20s, instead of the vendor's own limits on calls.")
@json_option
@click.pass_obj
def sandbox(invocation: Invocation, plugin: str, port: int, rate: str | None) -> None:
    """Start the stand-in of PLUGIN's vendor on loopback, and print the settings that reach it.

    It holds invented data in memory and ends with Ctrl-C or SIGTERM.
    """
    from connector import registry
    from connector.commands.stopping import StoppableClock
    from connector.errors import UsageError
    from connector.plugin import Sandboxed

    loaded = registry.load(plugin)
    if not isinstance(loaded, Sandboxed):
        raise UsageError(
            "This plugin ships no sandbox.", hint="`crm-connector plugins` lists them."
        )
    handle = loaded.start_sandbox(port=port, rate=rate)
    try:
        exports: dict[str, str] = {}

        def reference(key: str, value: str) -> str:
            name = f"SANDBOX_{plugin}_{key}".upper().replace("-", "_")
            exports[name] = value
            return f"env:{name}"

        table = references(loaded.settings, handle.settings, reference)
        _print(invocation, plugin, handle.url, table, exports)
        clock = StoppableClock(invocation.stopping)
        while True:
            clock.sleep(3600)
    finally:
        handle.close()


def _print(
    invocation: Invocation, plugin: str, url: str, table: dict[str, Any], exports: dict[str, str]
) -> None:
    """The sandbox's secrets are no secrets: every sandbox takes the same."""
    if invocation.as_json:
        output.document({"url": url, "settings": table, "environment": exports})
        return
    output.show(
        *(f"export {name}={json.dumps(value)}" for name, value in exports.items()),
        "",
        toml_table(f"connections.{plugin}", {**table, "kinds": ["customer"]}),
    )
    output.say(f"The sandbox of {plugin} answers at {url}; Ctrl-C ends it.")
