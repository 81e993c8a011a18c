"""People who are erased in the middle of a story, in whatever weather there is."""

from __future__ import annotations

from random import Random
from typing import Any

from connector.errors import ConnectorError
from connector.plugin import Ref
from connector.privacy.ledger import DONE, OPEN
from connector.rights import erasing
from connector.rights.erasing import How
from connector.rights.finding import Finder
from tests.simulation.copies import Copies
from tests.story import Died

SHARE = 0.4
"""Of how many stories an erasure is a part."""


def when_erased(seed: int, steps: int) -> list[int]:
    """After which steps of a seed's story somebody is erased; of most seeds none."""
    dice = Random(f"erased {seed}")
    if dice.random() >= SHARE:
        return []
    return sorted(dice.sample(range(steps // 4, steps), dice.choice([1, 2])))


class Erasures(Copies):
    """Who was erased, and the end of erasures that were broken off."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.erased: dict[str, str] = {}
        """Person to their row's key."""
        self.erased_refs: dict[tuple[str, Ref], str] = {}
        """Their records to the person."""
        self.unknown: set[str] = set()
        """Who was erased after a copy of state and keys that was put back: nothing knows of it."""
        self._erased_by_then: set[str] = set()

    def do_back_up(self) -> None:
        super().do_back_up()
        self._erased_by_then = set(self.erased)

    def restored(self, which: str) -> None:
        if which == "both":
            self.unknown |= self.erased.keys() - self._erased_by_then

    def do_erase(self) -> None:
        rows = self.shop_rows()
        shared = set().union(*self.households)
        people = sorted(rows.keys() - self.erased.keys() - shared)
        if not people:
            return
        person = self.dice.choice(people)
        key = str(rows[person]["no"])
        self.erased[person] = key
        for name in self.houses:
            for ref, record in self.houses[name].records.items():
                if self._is_of(name, record.now.fields, person):
                    self.erased_refs[name, ref] = person
        self.say("shop", person)
        self.fired["fault erased"] += 1
        # What somebody typed in a moment ago is shown late here, also to the look for them.
        self.later(seconds=120)
        self._erase(key)

    def may_come_back(self, name: str, ref: Ref) -> bool:
        """What lay in a bin before we ever saw it, nobody can find there to delete it for good."""
        return (name, ref) not in self.erased_refs

    def turns_away(self, name: str, ref: Ref) -> bool:
        """Whether a record is of somebody who was erased, be it typed in or merged since."""
        fields = self.houses[name].records[ref].now.fields
        known = (name, ref) in self.erased_refs
        return known or any(self._is_of(name, fields, person) for person in self.erased)

    def _is_of(self, name: str, fields: Any, person: str) -> bool:
        return str(fields.get(self.houses[name].mail, "")).partition("@")[0] == person

    def _erase(self, key: str) -> None:
        """Begin an erasure and go on as far as the weather lets us."""
        began = self._times()
        try:
            beside = self.beside()
            beside.ports.vault.refresh()
            person = Finder(beside).by_rows([key])
            erasing.begin(beside, person, How()).run()
        except Died:
            self.trap = None
        except ConnectorError as error:
            self.fired[f"ended {type(error).__name__}"] += 1
        finally:
            self.dead = False
            self.spans.append((began, self._times()))

    def end_erasures(self) -> None:
        """What an operator does who is told that one was broken off."""
        began = self._times()
        try:
            beside = self.beside()
            beside.ports.vault.refresh()
            entries = beside.ports.vault.ledger.entries()
            for entry in entries:
                if entry.state == OPEN:
                    erasing.go_on(beside, entry, How()).run()
            kept = set(self.sql_keys())
            begun = {key for key in self.erased.values() if key in kept}
            if begun and not any(entry.state == OPEN for entry in entries):
                for key in sorted(begun):  # it died before anything was noted
                    self._erase(key)
        except Died:
            self.trap = None
        except ConnectorError as error:
            self.fired[f"ended {type(error).__name__}"] += 1
        finally:
            self.dead = False
            self.spans.append((began, self._times()))

    def sql_keys(self) -> list[str]:
        return [str(row["no"]) for row in self.sql("SELECT no FROM clients")]

    def all_erased(self) -> bool:
        """Whether every erasure that was begun has ended."""
        return all(entry.state == DONE for entry in self.vault.ledger.entries())
