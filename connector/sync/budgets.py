"""How much of each rate budget and day's quota is left, from the state alone."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from connector.errors import SettingsError
from connector.http.limits import left, parse_rate
from connector.store import scopes


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget of a connection. `rate` is "N/SECONDSs"; a day's quota has 86400 seconds.

    `left` of `at_once` units may be taken now; `whole_in_s`: until all of them may again.
    `rests_s`: for how long the vendor asked to be left alone, 0 if it did not.
    """

    connection: str
    name: str
    rate: str
    at_once: int
    left: int
    whole_in_s: float
    rests_s: float


def budgets_of(tx: sa.Connection, now_us: int) -> list[Budget]:
    """All budgets that were ever spent from, as they stand now."""
    return [budget for row in scopes.budgets(tx) if (budget := _budget(row, now_us)) is not None]


def _budget(row: scopes.Scope, now_us: int) -> Budget | None:
    tat_us, told = row.tat_us or 0, row.fingerprint or ""
    try:
        rate = parse_rate(told)
    except SettingsError:
        return None  # no budget's row
    rests_us = max(0, (row.not_before_us or 0) - now_us)
    return Budget(
        row.connection,
        row.kind.removeprefix("*/"),
        told,
        rate.burst,
        0 if rests_us else left(tat_us, now_us, rate),
        round(max(0, tat_us - now_us) / 1e6, 3),
        round(rests_us / 1e6, 3),
    )
