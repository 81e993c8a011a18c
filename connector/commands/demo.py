"""`demo`: the main job on an invented shop, end to end, on this machine alone."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import click

from connector.commands import output
from connector.commands.group import json_option, rate_option
from connector.commands.invocation import Invocation
from connector.commands.progress import ProgressLines
from connector.commands.stopping import StoppableClock
from connector.demo.scene import RATE
from connector.demo.story import Plant, play
from connector.errors import UsageError


@click.command()
@click.option(
    "--plant",
    type=click.Choice(get_args(Plant)),
    help="Spoil one record after the last sync; the figures must show it.",
)
@rate_option("What each sandbox takes and each connection may use, such as 80/20s.", RATE)
@click.option("--keep", metavar="DIR", help="Play in this new folder and leave it there.")
@json_option
@click.pass_obj
def demo(invocation: Invocation, plant: Plant | None, rate: str, keep: str | None) -> int:
    """Sync an invented shop with every installed plugin's sandbox, let people edit on all sides,
    lose answers, sync again, and compare all sides by other means than the engine's.

    The last line is one JSON document; exit 1 unless all sides agree.
    """
    with ExitStack() as stack:
        folder = _folder(keep, stack)
        progress = stack.enter_context(ProgressLines(invocation.stopping.check))
        stack.enter_context(invocation.stopping.deferred())
        told = play(
            folder,
            plant=plant,
            rate=rate,
            clock=StoppableClock(invocation.stopping),
            say=output.say,
            progress=progress,
        )
    if not invocation.as_json:
        output.table(["", "where", "what"], told.chapters)
    output.document(told.figures)
    return 0 if told.figures["converged"] else 1


def _folder(keep: str | None, stack: ExitStack) -> Path:
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crm-connector-demo-")))
    folder = Path(keep)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise UsageError("--keep names what is there already; it takes a new folder.") from None
    return folder
