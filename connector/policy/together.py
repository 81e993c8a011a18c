"""Whether a policy's rules go together: each can match and decide, and no two change one field.

It is found by trying all that the file tells apart: destinations, countries, ages, purposes and
classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from connector.policy.document import CHANGES, RANK, Document, Fault
from connector.policy.matching import Named, Place, all_fields, matches
from connector.policy.places import EU, region_of
from connector.records import Kind


@dataclass(frozen=True, slots=True)
class _Case:
    """One of the situations that a file tells apart."""

    place: Place
    one: Named
    purposes: frozenset[str]


def _cases(document: Document) -> Iterator[_Case]:
    rules = document.rules
    told = [c for rule in rules for c in (rule.when, rule.unless) if c is not None]
    by_field = any(c.field is not None for c in told)
    fields: dict[tuple[Any, ...], tuple[Kind, Named]] = {}
    for kind, one in all_fields(document):
        same = (kind, one.name) if by_field else (kind, one.class_, one.sensitive)
        fields.setdefault(same, (kind, one))
    countries = {code for c in told for code in c.country or ()} - {EU}
    countries |= {"CN", "DE", "US", document.controller.country} - {EU}
    ages = (False, True) if any(c.minor is not None for c in told) else (False,)
    named_purposes = sorted({name for c in told for name in c.purpose or ()})
    purposes = [
        frozenset(some)
        for size in range(len(named_purposes) + 1)
        for some in combinations(named_purposes, size)
    ]
    for name, there in document.destinations.items():
        for country in (*sorted(countries), None):
            home = country or document.controller.country
            crosses = region_of(home) != region_of(there.country)
            for minor in ages:
                for kind, one in fields.values():
                    place = Place(name, there.country, country, crosses, minor, kind)
                    for some in purposes:
                        yield _Case(place, one, some)


def faults_of(document: Document) -> Iterator[Fault]:
    """Rules that never match, never decide, or would change one field in two ways."""
    matched: set[int] = set()
    decided: set[int] = set()
    clashes: set[tuple[int, int]] = set()
    allowed_abroad: set[int] = set()
    for case in _cases(document):
        found = [
            number
            for number, rule in enumerate(document.rules)
            if matches(rule, case.place, case.one, case.purposes)
        ]
        if not found:
            continue
        matched.update(found)
        top = max(RANK[document.rules[n].action] for n in found)
        strictest = [n for n in found if RANK[document.rules[n].action] == top]
        decided.update(strictest[:1])
        decided.update(n for n in strictest[1:] if not _same(document, strictest[0], n))
        changing = [n for n in found if document.rules[n].action in CHANGES]
        for a, b in combinations(changing, 2):
            ranks = {RANK[document.rules[n].action] for n in (a, b)}
            if len(ranks) == 1 and not _same(document, a, b):
                clashes.add((a, b))
        if case.one.sensitive and case.place.crosses:
            allowed_abroad.update(n for n in found if document.rules[n].action == "allow")
    for number, rule in enumerate(document.rules):
        at = ("rules", number)
        if number not in matched:
            yield at, f"the rule `{rule.id}` can never match"
        elif number not in decided:
            yield at, f"the rule `{rule.id}` never decides: others are always at least as strict"
        if number in allowed_abroad:
            yield at, f"the rule `{rule.id}` allows a sensitive class to go abroad"
    for a, b in sorted(clashes):
        ids = f"`{document.rules[a].id}` and `{document.rules[b].id}`"
        yield ("rules", b), f"{ids} change one field in two ways; let one of them leave it out"


def _same(document: Document, a: int, b: int) -> bool:
    one, other = document.rules[a], document.rules[b]
    return (one.action, one.with_) == (other.action, other.with_)
