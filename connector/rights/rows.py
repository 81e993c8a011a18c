"""One person's rows in the shop, by the host's rule: deleted, blanked, or handed to the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from connector.errors import SettingsError
from connector.local.contract import BlanksRows, ForgetsRows, LocalWrite
from connector.local.shapes import KEY
from connector.mapping.translate import Pair
from connector.plugin import Kind, Op, Outcome
from connector.privacy.ledger import VERIFIED
from connector.records import PERSONAL_CLASSES, field_of
from connector.rights.work import Target
from connector.sync.beside import Beside
from connector.sync.setup import KindSetup


class RowRule(StrEnum):
    """What becomes of an erased person's rows."""

    DELETE = "delete"
    BLANK = "blank"
    CALLBACK = "callback"
    KEEP = "keep"
    """A law demands that they are kept; see `Rights.erase`."""


STAYS: Final = (None, "kept_by_law", "read_only")
"""Reasons with which a row's work is at its end; with another one the database refused."""

OnErase = Callable[[Kind, Sequence[str]], None]
"""The host's own way: called with the keys of a kind's rows, children first, and perhaps again
after a stop. When it returns, the rows hold nothing of the person."""


def erase_rows(
    beside: Beside,
    pairs: Mapping[tuple[str, Kind], Pair],
    rule: RowRule,
    targets: Sequence[Target],
    on_erase: OnErase | None,
) -> None:
    """Carry the rule out for these rows, children first. Doing it again changes nothing.

    A row that the database keeps becomes `impossible`, with the reason. Raises: LocalError,
    SettingsError if the host's own way is not known here.
    """
    local, setups = beside.ports.local, _setups(beside)
    for kind in sorted({Kind(one.kind) for one in targets}, key=lambda k: k is Kind.CUSTOMER):
        rows = [one for one in targets if one.kind == kind and not one.ended]
        if not rows:
            continue
        if rule is RowRule.KEEP:
            _all(rows, "kept_by_law")
        elif setups[kind].read_only:
            _all(rows, "read_only")
        elif rule is RowRule.CALLBACK:
            if on_erase is None:
                raise SettingsError(
                    '[privacy] local_erasure = "callback", and nobody handed one in.',
                    hint="Erase from the host's program: docs/rights.md.",
                )
            on_erase(kind, [one.id for one in rows])
            for one in rows:
                one.state = VERIFIED
        elif rule is RowRule.BLANK:
            _blank(beside, kind, _personal(kind, pairs), rows)
        else:
            _delete(beside, kind, rows)
        if isinstance(local, ForgetsRows):
            local.forget_rows(kind, [one.id for one in rows])


def _setups(beside: Beside) -> dict[Kind, KindSetup]:
    return {k: setup for one in beside.connections.values() for k, setup in one.kinds.items()}


def _all(rows: Sequence[Target], reason: str) -> None:
    for one in rows:
        one.cannot(reason)


def _personal(kind: Kind, pairs: Mapping[tuple[str, Kind], Pair]) -> set[str]:
    """The columns that hold something personal. A person's no to advertising stays a no."""
    found = set()
    for (_, other), pair in pairs.items():
        for rule in pair.local.rules if other is kind else ():
            known = field_of(kind, rule.canonical)
            if known is None or rule.own == KEY or known.privacy == "consent":
                continue
            if rule.canonical.startswith("custom.") or PERSONAL_CLASSES.get(known.privacy):
                found.add(rule.own)
    return found


def _blank(beside: Beside, kind: Kind, columns: set[str], rows: Sequence[Target]) -> None:
    local = beside.ports.local
    for one in rows:
        if not isinstance(local, BlanksRows):
            one.cannot("not_supported")
            continue
        refused = local.blank(kind, one.id, columns)
        if refused is None:
            one.state = VERIFIED
        else:
            one.cannot(refused.code)


def _delete(beside: Beside, kind: Kind, rows: Sequence[Target]) -> None:
    local, store = beside.ports.local, beside.ports.store
    there = local.present(kind, [one.id for one in rows])
    for one in rows:
        if one.id in there:
            write = LocalWrite(id=store.new_id(), op=Op.PURGE, key=one.id, values={}, old={})
            beside.ports.hook("before call: erase row")
            [result] = local.write(kind, [write])
            beside.ports.hook("after call: erase row")
            if result.outcome is Outcome.REFUSED:
                one.cannot(result.reason.code if result.reason else "refused")
                continue
        one.state = VERIFIED
