"""One destination, one kind: the policy made quick, and what it says of one person.

The gates come in a fixed order and the first that fails ends it. Of the rules that match a field
the strictest decides. What is said of a person depends on little, so it is worked out once for all
people of whom the same little is known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from connector.policy.consent import is_state
from connector.policy.document import CHANGES, RANK, Document, Purpose, RuleSpec, Transfer
from connector.policy.facts import Facts
from connector.policy.matching import (
    CONSENT,
    UNCLASSIFIED,
    Named,
    Place,
    covers,
    matches,
    may_hold,
    named,
)
from connector.policy.places import region_of
from connector.records import Kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one field on its way out. `rules` are the ids that decided, gates among them.

    `clear`: what was sent earlier is taken back, or replaced by what may be sent.
    """

    action: str
    how: str | None = None
    rules: tuple[str, ...] = ()
    clear: bool = False


ALLOW: Final = Verdict("allow")


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one destination may be told of one person's record.

    `block`: why nothing at all goes there; `hold`: nothing is written on either side. `stops` are
    the fields that block the record if they hold a value.
    """

    block: str | None = None
    hold: bool = False
    rules: tuple[str, ...] = ()
    fields: Mapping[str, Verdict] = field(default_factory=dict)
    stops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Compiled:
    """A policy for one destination and one kind. `names` are the canonical fields that may go.

    `today` bounds transfers and exceptions: a run asks with one day throughout. `says_no`: the
    consents, as PURPOSE.CHANNEL, that the destination has a field for.
    """

    def __init__(
        self,
        document: Document,
        destination: str,
        kind: Kind,
        names: Iterable[str],
        today: dt.date,
        says_no: Collection[str] | None = None,
    ) -> None:
        self.document = document
        self.destination = destination
        self.kind = kind
        self.today = today
        there = document.destinations[destination]
        self.country = there.country
        self.fields = {name: named(document, kind, name) for name in names}
        self._says_no = says_no
        lifted = {
            one.rule
            for one in document.exceptions
            if one.destination == destination and one.valid_until >= today
        }
        self._rules = tuple(rule for rule in document.rules if rule.id not in lifted)
        self._transfers = tuple(
            one
            for one in document.transfers
            if one.recipient == destination and one.valid_until >= today
        )
        self._known: dict[Facts, Ruling] = {}
        self._purposes_of = {name: self._serves(one) for name, one in self.fields.items()}
        self.push_only = frozenset(self._changed())

    # --- what holds for everybody -----------------------------------------------------------------

    def purposes_of(self, class_: str) -> frozenset[str]:
        """The purposes of this way's fields of a class."""
        names = [name for name, one in self.fields.items() if one.class_ == class_]
        return frozenset(purpose for name in names for purpose in self._purposes_of[name])

    def _serves(self, one: Named) -> tuple[str, ...]:
        """The purposes that a field is for: those that name it, else those that name none."""
        full = f"{self.kind}.{one.name}"
        purposes = self.document.purposes
        naming = [
            name
            for name, p in purposes.items()
            if covers(p.classes, one.class_) or any(fnmatchcase(full, f) for f in p.fields)
        ]
        return tuple(naming or (name for name, p in purposes.items() if not p.names_fields))

    def _changed(self) -> Iterable[str]:
        """The fields that go there changed, if only for some people: none of them is read back.

        Whose record it is may not be known when it is read, and it may change."""
        for name, one in self.fields.items():
            may = (rule.action in CHANGES and self.could_match(rule, one) for rule in self._rules)
            if one.scan or any(may):
                yield name

    def could_match(self, rule: RuleSpec, one: Named) -> bool:
        """Whether a rule may be about a field on this way, whoever's it is."""
        if rule.when.crosses_border and not any(
            t.recipient == self.destination for t in self.document.transfers
        ):
            return False  # whoever's data would cross is stopped before any rule is asked
        somebody = Place(self.destination, self.country, None, False, False, self.kind)
        return may_hold(rule.when, somebody, one)

    # --- what holds for one person ----------------------------------------------------------------

    def crosses(self, country: str | None) -> bool:
        """Whether this person's data leaves their country on the way there.

        Of a person of unknown country it is known only that the data is the controller's."""
        return region_of(country or self.document.controller.country) != region_of(self.country)

    def ruling(self, facts: Facts) -> Ruling:
        """What may go there of a person of whom this is known."""
        known = self._known.get(facts)
        if known is None:
            known = self._known[facts] = self._ruled(facts)
        return known

    def _ruled(self, facts: Facts) -> Ruling:
        if facts.suppressed:
            return Ruling(block="suppressed", rules=("suppressed",))
        if facts.restricted:
            return Ruling(hold=True, rules=("restricted",))
        held = self._held_purposes(facts)
        if facts.minor and not held:
            return Ruling(block="minor_no_guardian", rules=("minor",))
        crosses = self.crosses(facts.country)
        abroad: tuple[Transfer, ...] = ()
        if crosses:
            block, abroad = self._transferred(facts)
            if block is not None:
                return Ruling(block=block, rules=("transfer",))
        place = Place(
            self.destination, self.country, facts.country, crosses, facts.minor, self.kind
        )
        return self._sorted(place, held, abroad if crosses else None)

    def _held_purposes(self, facts: Facts) -> frozenset[str]:
        """The purposes that this person's data may be used for."""
        return frozenset(
            name
            for name, one in self.document.purposes.items()
            if self._has_basis(name, one, facts)
        )

    def _has_basis(self, name: str, one: Purpose, facts: Facts) -> bool:
        if facts.minor and f"guardian.{name}" not in facts.granted:
            return False
        if one.channels and facts.objects:
            return False
        if one.basis != "consent":
            return True
        wanted = (
            {f"{one.consent}.{channel}" for channel in one.channels}
            if one.channels
            else {name for name in facts.granted if name.startswith(f"{one.consent}.")}
        )
        if self._says_no is not None and one.channels and not wanted & set(self._says_no):
            return False  # the destination has no field that could tell it of a no
        return bool(wanted & facts.granted)

    def _transferred(self, facts: Facts) -> tuple[str | None, tuple[Transfer, ...]]:
        """Why this person's data may not cross the border, or by which entries it may."""
        if facts.country is None:
            return "unknown_country", ()
        source, target = region_of(facts.country), region_of(self.country)
        found = [
            one
            for one in self._transfers
            if one.from_ in (source, facts.country) and one.to in (target, self.country)
        ]
        if not found:
            return "no_transfer", ()
        open_ = tuple(
            one
            for one in found
            if one.consent is None
            or any(name.startswith(f"{one.consent}.") for name in facts.granted)
        )
        return (None, open_) if open_ else ("no_consent_abroad", ())

    def _sorted(
        self, place: Place, held: frozenset[str], abroad: tuple[Transfer, ...] | None
    ) -> Ruling:
        """The field rules, once the gates that are about the whole person are open."""
        found: dict[str, Verdict] = {}
        stops: dict[str, tuple[str, ...]] = {}
        whole: tuple[str, ...] = ()
        for name, one in self.fields.items():
            verdict = self._of_field(place, one, held, abroad)
            if verdict.action == "block_record":
                stops[name] = verdict.rules
                if self._is_of_all(verdict.rules):
                    whole = verdict.rules
                verdict = Verdict("drop_field", rules=verdict.rules, clear=verdict.clear)
            found[name] = verdict
        if whole:
            return Ruling(block="rule", rules=whole, fields=found)
        if self._is_empty(found):
            ids = dict.fromkeys(i for verdict in found.values() for i in verdict.rules)
            return Ruling(block="no_purpose", rules=tuple(ids), fields=found)
        return Ruling(fields=found, stops=stops)

    def _is_of_all(self, ids: Iterable[str]) -> bool:
        """Whether one of these rules blocks whatever the record holds."""
        return any(
            rule.action == "block_record"
            and rule.when.class_ is None
            and rule.when.field is None
            and rule.when.sensitive is None
            for rule in self._rules
            if rule.id in ids
        )

    def _is_empty(self, found: Mapping[str, Verdict]) -> bool:
        """Whether a gate left nothing of the person but keys, times and their own no."""
        personal = [n for n, one in self.fields.items() if one.personal and one.class_ != CONSENT]
        return bool(personal) and all(
            found[n].action == "drop_field" and {"purpose", "transfer"} & set(found[n].rules)
            for n in personal
        )

    def _of_field(
        self,
        place: Place,
        one: Named,
        held: frozenset[str],
        abroad: tuple[Transfer, ...] | None,
    ) -> Verdict:
        if one.class_ == UNCLASSIFIED:
            strict = self.document.defaults.unclassified_outbound
            return Verdict(strict, rules=("unclassified",))
        free = not one.personal or one.class_ == CONSENT
        if (
            not free
            and abroad is not None
            and not any(covers(t.classes, one.class_) for t in abroad)
        ):
            return Verdict("drop_field", rules=("transfer",))
        serves = [name for name in self._purposes_of[one.name] if name in held]
        if not free and not serves:
            clear = any(
                self.document.purposes[name].on_existing == "clear"
                for name in self._purposes_of[one.name]
            )
            return Verdict("drop_field", rules=("purpose",), clear=clear)
        return self._by_rules(place, one, serves)

    def _by_rules(self, place: Place, one: Named, serves: Collection[str]) -> Verdict:
        found = [rule for rule in self._rules if matches(rule, place, one, serves)]
        if not found:
            return Verdict("mask", "scan", ("scan",)) if one.scan else ALLOW
        top = max(RANK[rule.action] for rule in found)
        strictest = [rule for rule in found if RANK[rule.action] == top]
        clear = any(rule.on_existing == "clear" for rule in strictest)
        ids = tuple(sorted(rule.id for rule in strictest))
        if one.scan and top == RANK["allow"]:
            return Verdict("mask", "scan", (*ids, "scan"), clear)
        return Verdict(strictest[0].action, strictest[0].with_, ids, clear)

    @property
    def consents(self) -> frozenset[str]:
        """The fields that carry a consent itself."""
        return frozenset(name for name in self.fields if is_state(name))
