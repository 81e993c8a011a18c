"""How an installation stands, in the text format that Prometheus reads from a file.

Counts, times and names of connections and kinds: nothing of a person, and no id of a record.
Format: the page "Exposition formats", text version 0.0.4.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from connector.errors import UsageError
from connector.operating.standing import Standing
from connector.sync.status import Status

PREFIX: Final = "crm_connector_"
READABLE: Final = 0o644
"""The collector runs as another user; nothing in the file is a secret."""

Sample = tuple[Mapping[str, str], float]


def exposition(status: Status, standings: Sequence[Standing]) -> str:
    """The whole file. Times are seconds since 1970, spans are seconds."""
    lines: list[str] = []
    for name, meaning, samples in _gauges(status, standings):
        if samples:
            lines.append(f"# HELP {PREFIX}{name} {meaning}")
            lines.append(f"# TYPE {PREFIX}{name} gauge")
            lines += [f"{PREFIX}{name}{_labels(labels)} {_number(n)}" for labels, n in samples]
    return "\n".join(lines) + "\n"


def _gauges(
    status: Status, standings: Sequence[Standing]
) -> Iterator[tuple[str, str, list[Sample]]]:
    now = dt.datetime.fromisoformat(status.now).timestamp()
    yield "status_timestamp_seconds", "When this was looked at.", [({}, now)]
    yield "letters", "Records and writes set aside for a person.", [({}, status.letters)]
    yield (
        "conflicts",
        "Fields that both sides changed and a person decides.",
        [({}, status.conflicts)],
    )
    every = [({"connection": one.connection, "kind": one.kind}, one) for one in standings]
    yield (
        "stale",
        "Whether the last success is older than it may be.",
        [(labels, one.stale) for labels, one in every],
    )
    ran = [(labels, one.scope) for labels, one in every if one.scope is not None]
    for name, meaning, times in (
        (
            "last_success_timestamp_seconds",
            "When a run last ended without an error.",
            [(labels, scope.last_success) for labels, scope in ran],
        ),
        (
            "read_until_timestamp_seconds",
            "Until when the vendor's changes have been read.",
            [(labels, scope.read_until) for labels, scope in ran],
        ),
    ):
        yield (
            name,
            meaning,
            [
                (labels, dt.datetime.fromisoformat(told).timestamp())
                for labels, told in times
                if told is not None
            ],
        )
    yield (
        "last_success_duration_seconds",
        "How long that run took.",
        [(labels, scope.took_s) for labels, scope in ran if scope.took_s is not None],
    )
    yield (
        "lag_seconds",
        "How long the oldest record of the vendor waits undecided.",
        [(labels, scope.lag_s or 0) for labels, scope in ran],
    )
    for name, meaning in (
        ("links", "Pairs of a row and a record."),
        ("staged", "Records seen and not yet decided."),
        ("waiting", "Records that wait for another one."),
        ("unknown", "Writes without an answer."),
        ("running", "Whether a run is at work."),
        ("paused", "Whether a person paused it."),
    ):
        yield name, meaning, [(labels, getattr(scope, name)) for labels, scope in ran]
    yield (
        "doubt",
        "Whether nothing is written before a reconcile.",
        [(labels, scope.doubt is not None) for labels, scope in ran],
    )
    yield (
        "fields_off",
        "Fields that are switched off because the account changed.",
        [(labels, len(scope.off)) for labels, scope in ran],
    )
    budgets = [({"connection": b.connection, "budget": b.name}, b) for b in status.budgets]
    for name, field, meaning in (
        ("budget_units", "at_once", "Units that a whole budget gives at once."),
        ("budget_left_units", "left", "Units that may be taken now."),
        ("budget_whole_in_seconds", "whole_in_s", "Until all of them may be taken again."),
        ("budget_rests_seconds", "rests_s", "For how long the vendor asked to be left alone."),
    ):
        yield name, meaning, [(labels, getattr(budget, field)) for labels, budget in budgets]


def _labels(labels: Mapping[str, str]) -> str:
    """
    >>> _labels({"kind": 'a"b\\\\c'})
    '{kind="a\\\\"b\\\\\\\\c"}'
    """
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(round(float(value), 3))


def write_exposition(file: Path, text: str) -> None:
    """Put the text in place of the file at once: a reader sees the old one or the new one.

    The file may be read by everybody (mode 0644). Raises: UsageError if it cannot be written.
    """
    made = ""
    try:
        # The collector takes *.prom: a half-written file must not have that name.
        handle, made = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fchmod(out.fileno(), READABLE)
            os.fsync(out.fileno())
        Path(made).replace(file)
    except OSError as error:
        if made:
            with suppress(OSError):
                Path(made).unlink()
        raise UsageError(
            f"--prometheus: {file} cannot be written ({type(error).__name__}).",
            hint="Name a file in a folder that is there and that this user may write.",
        ) from None
