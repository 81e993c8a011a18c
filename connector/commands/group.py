"""The click group. A verb's module is imported when the verb is called, not for `--help`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import click

from connector.commands.invocation import Invocation
from connector.errors import SettingsError, UsageError
from connector.version import __version__

VERBS = {
    "init": ("init:init", "Inspect a database and write settings and local mappings for it."),
    "doctor": ("doctor:doctor", "Check settings, keys, databases and vendor accounts."),
    "discover": ("discover:discover", "List the objects of the vendors' accounts, and our rights."),
    "describe": (
        "discover:describe",
        "Show an object's fields, and what the mapping makes of them.",
    ),
    "setup": ("setup:setup", "Make the fields at a vendor that the mappings need, or list them."),
    "plan": ("plan:plan", "Show what a sync would do, field by field; write nothing."),
    "sync": ("sync:sync", "Bring the shop and the vendors in step."),
    "reconcile": (
        "reconcile:reconcile",
        "Go on after a database was put back from an older copy.",
    ),
    "migrate": ("migrate:migrate", "Move a company once: plan, run, verify, and a report of it."),
    "status": ("status:status", "Show how each connection stands."),
    "explain": ("explain:explain", "Say why a record, or a field of it, is as it is."),
    "resync": ("resync:resync", "Have the next sync look again, since a time or at records."),
    "pause": ("pause:pause", "Leave a connection, or one kind of it, out of every sync."),
    "resume": ("pause:resume", "Let what was paused take part again."),
    "conflicts": ("conflicts:conflicts", "List and settle fields that both sides changed."),
    "letters": ("letters:letters", "List, retry or drop records that were set aside."),
    "links": ("links:links", "Take over the links of an earlier integration."),
    "privacy": (
        "privacy:privacy",
        "What the policy lets out; one person's rights: find, export, correct, erase.",
    ),
    "keys": ("keys:keys", "Make the key ring, look at it, change its keys."),
    "backup": ("backup:backup", "Make, verify, put back and drill backups of state and keys."),
    "local": (
        "local:local",
        "Install the noticing of changes in the shop's database, or remove it.",
    ),
    "plugins": ("plugins:plugins", "List the installed vendor plugins."),
    "sandbox": ("sandbox:sandbox", "Start a plugin's stand-in of its vendor on this machine."),
    "demo": ("demo:demo", "Show the main job on an invented shop and the plugins' sandboxes."),
}
"""Verb to its module, its function and its line in `--help`."""

EXIT_CODES = """\b
Exit codes:
  0    done, or nothing to do, or another run is at work
  1    a bug of ours; the log line says where
  2    the command line is wrong
  3    settings, a mapping or a policy is wrong
  4    the vendor does not let us in
  5    done, but records or conflicts wait for a person
  6    partly done, or (only status) stale; run it again later
  7    another run is at work (only resync, migrate, and --fail-if-locked)
  8    held back: too much would be deleted or changed, or a database was put back
  9    a key is missing, or a privacy rule says no
  10   changes are pending (only plan --detailed-exitcode)
  130  stopped by Ctrl-C, 143 by SIGTERM; run it again to go on"""


class LazyGroup(click.Group):
    """A group that knows its verbs by a table: verb to `module:function` and a line of help."""

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._verbs:
            return None
        module, _, name = self._verbs[cmd_name][0].partition(":")
        found: Any = getattr(importlib.import_module(f"connector.commands.{module}"), name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in self._verbs.items()])


@click.group(cls=LazyGroup, verbs=VERBS, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="crm-connector", message="%(prog)s %(version)s")
@click.option(
    "--config",
    metavar="FILE",
    help="The settings file; else CRM_CONNECTOR_CONFIG names it, else ./connector.toml.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning"]),
    default="warning",
    show_default=True,
    help="What is logged on stderr, as JSON lines.",
)
@click.pass_obj
def cli(invocation: Invocation, config: str | None, log_level: str) -> None:
    """Keep a shop's customers, memberships and feedback in step with a CRM, both ways."""
    invocation.config = config
    invocation.log_to_stderr(log_level)


def json_option(command: Any) -> Any:
    """Give a verb `--json`; the invocation knows it already (errors before parsing need it)."""
    return click.option(
        "--json", "as_json", is_flag=True, expose_value=False, help="Print one JSON document."
    )(command)


def reason_option(command: Any) -> Any:
    """Give a verb that may show values `--reason`."""
    return click.option(
        "--reason",
        default="",
        metavar="TEXT",
        help="Why --show; it is noted. Demanded where the officer's key is apart.",
    )(command)


def rate_option(help_: str, default: str | None = None) -> Callable[[Any], Any]:
    """Give a verb `--rate`, a budget in the settings' own form; another form is a wrong call."""
    return click.option(
        "--rate",
        metavar="N/SECONDSs",
        default=default,
        show_default=default is not None,
        callback=_rate,
        help=help_,
    )


def _rate(context: click.Context, option: click.Parameter, told: str | None) -> str | None:
    # lazily: other verbs, and `--help`, need no rates
    from connector.http.limits import parse_rate

    try:
        if told is not None:
            parse_rate(told)
    except SettingsError as error:
        raise UsageError(f"--rate: {error.sentence}") from None
    return told
