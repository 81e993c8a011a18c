"""The connector in this application: its settings, its thread, and two commands.

The shop's own engine is handed in, so the connector works on lines of the shop's pool, each of its
transactions apart from those of the requests.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import Engine

from connector import Background, Connector, open_connector
from connector.commands import run
from connector.plugin import Clock

HERE = Path(__file__).resolve().parent.parent / "crm"

DEFAULTS: dict[str, Any] = {
    "CRM_FOLDER": ".",  # the state and the keys; back them up apart
    "CRM_EVERY_S": 60,  # how soon what sellers do at the CRM arrives
    "CRM_ZOHO": {
        "accounts_url": "https://accounts.zoho.com.cn",
        "api_url": "https://www.zohoapis.com.cn",
        "upload_url": "https://content.zohoapis.com.cn",
        "client_id": "env:ZOHO_CLIENT_ID",
        "client_secret": "env:ZOHO_CLIENT_SECRET",
        "refresh_token": "env:ZOHO_REFRESH_TOKEN",
    },
}


def settings(app: Flask) -> dict[str, Any]:
    """What would stand in `connector.toml`; without a URL, as the engine is handed in."""
    return {
        "tenant": "flask-shop",
        "local": {
            "zone": "UTC",
            "phone_region": "CN",
            "customer": {
                "table": "customers",
                "deleted": {"column": "deleted_at", "is_null": False},
                "mapping": str(HERE / "local" / "customer.yaml"),
                "first_contact": "local",
            },
            "membership": {"table": "cards", "mapping": str(HERE / "local" / "membership.yaml")},
        },
        "connections": {
            "zoho": {
                "plugin": "zoho",
                "kinds": ["customer", "membership"],
                "mappings": str(HERE / "zoho"),
                **app.config["CRM_ZOHO"],
            }
        },
    }


def init_app(app: Flask, engine: Engine) -> None:
    """Nothing is opened, and no thread begins, before the first ring."""

    def opened(clock: Clock | None = None) -> Connector:
        return open_connector(
            settings(app), folder=app.config["CRM_FOLDER"], local=engine, clock=clock
        )

    app.extensions["crm"] = Background(
        settings(app),
        folder=app.config["CRM_FOLDER"],
        local=engine,
        every=dt.timedelta(seconds=float(app.config["CRM_EVERY_S"])),
    )
    commands = AppGroup("crm", help="The shop and its CRM.")

    @commands.command()
    def setup() -> None:
        """Once: make the keys, and have the shop's database note its changes."""
        with opened() as connector:
            click.echo(f"keys: {connector.make_keys()}")
            click.echo(f"changes are noted: {connector.install_local().installed}")

    @commands.command()
    def sync() -> None:
        """Bring both in step now, for cron or by hand."""
        with opened() as connector:
            report = connector.sync()
        for one in report.passes:
            counts = one.counts
            click.echo(
                f"{one.connection}/{one.kind}: {counts.created} created,"
                f" {counts.updated} updated, {counts.removed} removed"
            )
        click.echo(f"for a person: {report.letters} letters, {report.conflicts} conflicts")
        raise SystemExit(report.exit)

    @commands.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def connector(words: tuple[str, ...]) -> None:
        """The connector's own command: `flask crm connector doctor`, `letters list`, ...."""
        raise SystemExit(run(words, opened=opened))

    app.cli.add_command(commands)


def background() -> Background:
    """The application's thread."""
    found: Background = current_app.extensions["crm"]
    return found


def ring() -> None:
    """After a commit: there is something to bring to the CRM."""
    background().ring()
