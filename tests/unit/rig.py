"""A sandbox with a host beside it, and short ways of writing and reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from connector.plugin import (
    Op,
    Page,
    Ref,
    Remote,
    Result,
    Seen,
    Target,
    Write,
)
from connector.records import Kind
from connector.sandbox.handle import SandboxProcess
from connector.testing.host import MemoryHost

S = TypeVar("S", bound=BaseModel)
Open = TypeVar("Open", bound=Remote)


class SandboxRig(Generic[S, Open]):
    """A vendor's sandbox, a host, and remotes opened on them."""

    def __init__(
        self,
        model: type[S],
        opens: Callable[[S, Mapping[Kind, Target], MemoryHost], Open],
        targets: Mapping[Kind, Target],
        sandbox: SandboxProcess,
    ) -> None:
        self._model = model
        self._opens = opens
        self._targets = targets
        self._process = sandbox
        self.host = MemoryHost()
        self._open: list[Open] = []

    def reset(self) -> None:
        """Make the sandbox new, and everything of ours too."""
        for remote in self._open:
            remote.close()
        self._open.clear()
        self._process.admin("reset")
        self.host = MemoryHost()

    def settings(self, **more: Any) -> S:
        table = {k: v for k, v in self._process.settings.items() if k != "plugin"}
        return self._model(**{"timeout_s": 3, "call_life_s": 5, **table, **more})

    def open(
        self,
        targets: Mapping[Kind, Target] | None = None,
        host: MemoryHost | None = None,
        **more: Any,
    ) -> Open:
        known = self._targets if targets is None else targets
        remote = self._opens(self.settings(**more), known, host or self.host)
        self._open.append(remote)
        return remote

    def calls(self, *names: str) -> dict[str, int]:
        """Calls so far of these operations, or of all but logins."""
        found = self._process.calls()
        wanted = names or [name for name in found if name != "token"]
        return {name: found[name] for name in wanted if found.get(name)}


def update(id_: str, ref: Ref, unless: datetime | None = None, **fields: Any) -> Write:
    return Write(
        id=id_, op=Op.UPDATE, ref=ref, fields=fields, external_key="", unless_changed_since=unless
    )


def remove(id_: str, ref: Ref, unless: datetime | None = None) -> Write:
    return Write(
        id=id_, op=Op.REMOVE, ref=ref, fields={}, external_key="", unless_changed_since=unless
    )


def by_id(results: Iterable[Result]) -> dict[str, Result]:
    """Results by the id of their write; each write must have exactly one."""
    found = list(results)
    assert len({one.id for one in found}) == len(found)
    return {one.id: one for one in found}


def all_seen(pages: Iterable[Page]) -> list[Seen]:
    return [one for page in pages for one in page.seen]


def refs(seen: Sequence[Seen]) -> list[str]:
    return [one.ref for one in seen]
