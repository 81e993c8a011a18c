"""Where everything that a verb raises becomes an exit code and a sentence without values."""

from __future__ import annotations

import logging
import os
import re
import resource
import sys
from collections.abc import Sequence
from typing import Any

import click

from connector.commands import output
from connector.commands.group import cli
from connector.commands.invocation import Invocation, Opened
from connector.commands.stopping import Stopped, Stopping
from connector.errors import ConnectorError

logger = logging.getLogger(__name__)

BUG = 1
USAGE = 2
CLOSED_PIPE = 141
"""As a program that SIGPIPE ends: nobody reads on."""


def carry_out(argv: Sequence[str], opened: Opened | None = None) -> int:
    """Run one command line; returns its exit code."""
    _keep_to_ourselves()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a terminal without Chinese is no error
    stopping = Stopping()
    invocation = Invocation(stopping, as_json=_wants_json(argv), opened=opened)
    with stopping.installed():
        try:
            done: Any = cli.main(
                args=list(argv), prog_name="crm-connector", standalone_mode=False, obj=invocation
            )
            return done if isinstance(done, int) else 0
        except click.exceptions.NoArgsIsHelpError as error:
            output.say(error.ctx.get_help() if error.ctx is not None else "")
            return USAGE
        except click.ClickException as error:
            return _usage(invocation, error)
        except ConnectorError as error:
            return _ours(invocation, error)
        except Stopped as stopped:
            return _stopped(invocation, stopped.exit_code)
        except (KeyboardInterrupt, click.Abort):
            return _stopped(invocation, 130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains as it ends
            return CLOSED_PIPE
        except Exception as error:
            return bug(invocation, error)


def _keep_to_ourselves() -> None:
    os.umask(0o077)  # the state and the keys are nobody else's to read
    # Keys and people's data are in memory: a crash must not write them to a disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _wants_json(argv: Sequence[str]) -> bool:
    """Whether `--json` was given; asked before parsing, which may be what fails."""
    options = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in options


def _usage(invocation: Invocation, error: click.ClickException) -> int:
    sentence = usage_sentence(error)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "crm-connector"
    if invocation.as_json:
        fault = {"code": "usage", "sentence": sentence}
        output.document({"error": fault, "exit": USAGE})
    output.say(f"error: {sentence}", f"  → `{path} --help` shows what it takes.")
    return USAGE


def usage_sentence(error: click.ClickException) -> str:
    """Say what is wrong with a command line. click's own words repeat what was typed, which may be
    a secret or a person's data at the wrong place."""
    if isinstance(error, click.NoSuchOption):
        close = sorted(error.possibilities or ())
        known = re.fullmatch(r"--?[a-z-]{1,30}", error.option_name)
        name = f" {error.option_name}" if known else ""
        return f"There is no option{name}." + (f" Is it {' or '.join(close)}?" if close else "")
    if isinstance(error, click.MissingParameter):
        return f"{_name(error)} is missing."
    if isinstance(error, click.BadParameter):
        kind = error.param.type if error.param is not None else None
        if isinstance(kind, click.Choice):
            return f"{_name(error)} must be one of {', '.join(map(str, kind.choices))}."
        if kind is not None and kind.name.startswith("integer"):
            return f"{_name(error)} must be a whole number in its range."
        return f"{_name(error)} does not take this value."
    if isinstance(error, click.BadOptionUsage):
        return f"{error.option_name} needs a value, or takes none."
    if isinstance(error, click.UsageError) and "No such command" in error.message:
        verbs: list[str] = []
        if error.ctx is not None and isinstance(error.ctx.command, click.Group):
            verbs = error.ctx.command.list_commands(error.ctx)
        return f"There is no such command; there are {', '.join(verbs)}."
    if isinstance(error, click.UsageError) and error.message == "Missing command.":
        return "A command is missing."
    return "There is an argument too many."


def _name(error: click.BadParameter) -> str:
    param = error.param
    if param is None:
        return "A parameter"
    return param.opts[0] if isinstance(param, click.Option) else (param.name or "").upper()


def _ours(invocation: Invocation, error: ConnectorError) -> int:
    if error.exit_code == BUG:
        return bug(invocation, error)
    if invocation.as_json:
        output.document({"error": output.told(error), "exit": error.exit_code})
    output.say(*output.lines_of(error))
    return error.exit_code


def _stopped(invocation: Invocation, code: int) -> int:
    sentence = "Stopped. What is done is done; run it again to go on."
    if invocation.as_json:
        output.document({"error": {"code": "stopped", "sentence": sentence}, "exit": code})
    output.say(sentence)
    return code


def bug(invocation: Invocation, error: Exception) -> int:
    """Tell of a fault of ours by class and places; returns its exit code."""
    sentence = f"This is a bug of crm-connector ({type(error).__name__})."
    if not any(isinstance(h, logging.StreamHandler) for h in logging.getLogger().handlers):
        invocation.log_to_stderr("warning")
    # The formatter shows class and places only: an exception's text may hold a record.
    logger.critical("bug", exc_info=error)
    if invocation.as_json:
        output.document({"error": {"code": "bug", "sentence": sentence}, "exit": BUG})
    output.say(f"error: {sentence}", "  → Please report it with the line above.")
    return BUG
