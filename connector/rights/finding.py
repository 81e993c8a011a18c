"""Finding a person: from any end, followed until nothing more turns up.

A row leads to its links, a link to its record and its person's key, that to further links, and each
customer to its children.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from connector.errors import SealError, UsageError
from connector.local.contract import FindsRows, Row
from connector.mapping.identifiers import Identifier
from connector.mapping.translate import Pair
from connector.plugin import Kind
from connector.privacy.suppression import Labelled
from connector.records import field_of
from connector.rights.person import Person, is_same, note_values
from connector.rights.who import Who, identifiers_in
from connector.store import claims, conflicts, erasing, intents, links, staged
from connector.store.links import Link
from connector.store.staged import LOCAL, REMOTE
from connector.sync.beside import Beside
from connector.sync.documents import Base

_BATCH = 500


def people(beside: Beside, who: Who) -> list[Person]:
    """Everybody that is meant."""
    finder = Finder(beside)
    if who.values is not None:
        return finder.by_identifiers(identifiers_in(who.values, beside.region))
    found = finder.by_subject(who.subject) if who.subject else finder.by_rows(who.rows)
    local = beside.ports.local
    there = local.present(Kind.CUSTOMER, sorted(found.rows.get(Kind.CUSTOMER, ())))
    return [found] if found.links or there else []


def one_person(beside: Beside, who: Who) -> Person:
    """Raises: UsageError if nobody is meant, or several people."""
    found = people(beside, who)
    if not found:
        raise UsageError(
            "Nobody is known by that.",
            hint="Name the key of the customer's row, a subject's id, or values in a file.",
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} people are known by that.",
            hint="`crm-connector privacy find` tells their ids: name one of these.",
        )
    return found[0]


class Finder:
    """Finds people. It asks state and shop; `vendors.py` asks the vendors."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside
        self._ports = beside.ports
        self.pairs = beside.pairs()

    def by_rows(self, keys: Iterable[str]) -> Person:
        """The person whose customers' rows these are."""
        person = Person()
        person.rows[Kind.CUSTOMER] = set(keys)
        return self.follow(person)

    def by_subject(self, subject: str) -> Person:
        return self.follow(Person(subjects={subject}))

    def by_identifiers(self, wanted: Sequence[Identifier]) -> list[Person]:
        """Those who have one of these and contradict none, each once; all rows are looked at."""
        keys = [row.key for row, ids in self._customers() if is_same(wanted, ids)]
        found = [self.by_rows([key]) for key in keys]
        for link in self._claimed(wanted):
            if link.local_id is None and link.remote_id is not None:
                person = Person(identifiers=set(wanted))
                person.records[link.connection, link.kind] = {link.remote_id}
                found.append(self.follow(person))
        people: list[Person] = []
        for one in found:
            if not any(one.links.keys() & other.links.keys() for other in people):
                people.append(one)
        return people

    def _customers(self) -> Iterable[tuple[Row, list[Identifier]]]:
        pairs = [pair for (_, kind), pair in self.pairs.items() if kind is Kind.CUSTOMER]
        after: str | None = None
        while rows := self._ports.local.scan(Kind.CUSTOMER, after, _BATCH):
            after = rows[-1].key
            for row in rows:
                yield row, [i for p in pairs for i in p.identifiers(p.read_local(row.values))]

    def _claimed(self, wanted: Sequence[Identifier]) -> list[Link]:
        digests = [self._ports.vault.blind(*one) for one in wanted]
        found: dict[str, Link] = {}
        with self._ports.store.read() as tx:
            for name, kind in self.pairs:
                if kind is Kind.CUSTOMER:
                    held = claims.get(tx, name, kind, digests).values()
                    found |= links.by_ids(tx, {claim.link for claim in held})
        return list(found.values())

    # --- following ------------------------------------------------------------------------------

    def follow(self, person: Person) -> Person:
        """Add what belongs to what is known already, until nothing more turns up."""
        size = -1
        while size != (size := _size(person)):
            with self._ports.store.read() as tx:
                self._add_links(tx, person)
                self._add_waiting(tx, person)
            self._add_children(person)
        self._add_identifiers(person)
        return person

    def _add_links(self, tx: sa.Connection, person: Person) -> None:
        found = erasing.links_of_subjects(tx, person.subjects)
        for name, kind in self.pairs:
            keys, refs = person.rows.get(kind, set()), person.records.get((name, kind), set())
            found += erasing.links_of_records(tx, name, kind, LOCAL, keys)
            found += erasing.links_of_records(tx, name, kind, REMOTE, refs)
        for link in found:
            person.links[link.id] = link
            where = (link.connection, link.kind)
            if link.subject is not None:
                person.subjects.add(link.subject)
            if link.local_id is not None:
                person.rows.setdefault(link.kind, set()).add(link.local_id)
            if link.remote_id is not None:
                person.records.setdefault(where, set()).add(link.remote_id)
            if link.external_key is not None:
                person.keys.setdefault(where, set()).add(link.external_key)

    def _add_waiting(self, tx: sa.Connection, person: Person) -> None:
        """Children that wait for a record of theirs."""
        for name in self._beside.connections:
            names = [f"{kind}/{LOCAL}/{key}" for kind, keys in person.rows.items() for key in keys]
            for (connection, kind), refs in person.records.items():
                if connection == name:
                    names += [f"{kind}/{REMOTE}/{ref}" for ref in refs]
            for row in erasing.waiting_for(tx, name, names):
                if row.side == LOCAL:
                    person.rows.setdefault(row.kind, set()).add(row.record)
                else:
                    person.records.setdefault((name, row.kind), set()).add(row.record)

    def _add_children(self, person: Person) -> None:
        parents = person.rows.get(Kind.CUSTOMER, set())
        done: set[Kind] = set()
        for (_, kind), pair in self.pairs.items():
            if not parents or kind in done or kind is Kind.CUSTOMER:
                continue
            done.add(kind)
            for rule in pair.local.rules:
                if rule.lens.name == "reference":
                    found = self._children(kind, pair, rule.canonical, rule.own, parents)
                    person.rows.setdefault(kind, set()).update(found)

    def _children(self, kind: Kind, pair: Pair, name: str, own: str, parents: set[str]) -> set[str]:
        local = self._ports.local
        if isinstance(local, FindsRows) and name not in pair.unread:
            keys = local.rows_with(kind, own, parents)
            rows = list(local.read(kind, keys).values())
            return {row.key for row in rows if pair.read_local(row.values).get(name) in parents}
        found: set[str] = set()
        after: str | None = None
        while rows := list(local.scan(kind, after, _BATCH)):
            after = rows[-1].key
            named = local.referred(kind, [r.key for r in rows]) if name in pair.unread else {}
            for row in rows:
                held = {**row.values, **named.get(row.key, {})}
                if pair.read_local(held).get(name) in parents:
                    found.add(row.key)
        return found

    # --- what identifies them -------------------------------------------------------------------

    def _add_identifiers(self, person: Person) -> None:
        for (name, kind), pair in self.pairs.items():
            rows = self._ports.local.read(kind, sorted(person.rows.get(kind, ())))
            for row in rows.values():
                note_values(person, pair, pair.read_local(row.values), row.values)
            for link in person.links.values():
                if (link.connection, link.kind) == (name, kind):
                    base = self.base(link)
                    note_values(person, pair, pair.read_local(base.local), base.local)
                    note_values(person, pair, pair.read_remote(base.remote), base.remote)

    def base(self, link: Link) -> Base:
        """What a link's sides last agreed on; nothing where the key does not open."""
        if link.base is None or link.subject is None:
            return Base()
        vault = self._ports.vault
        try:
            return Base.unpack(vault.open("base", link.kind, link.subject, link.id, link.base))
        except SealError:
            return Base()

    def distinctive(self, person: Person) -> list[Labelled]:
        """What they are known again by, less the values that somebody else has too: these tell
        nobody apart, and suppressing one would turn a living person away."""
        shared = self._held_by_others(person) | self._in_others_rows(person)
        return [one for one in person.labelled() if one not in shared]

    def _held_by_others(self, person: Person) -> set[Identifier]:
        """Values that a link of somebody else claims too."""
        vault, found = self._ports.vault, set()
        by_value = {vault.blind(*one): one for one in person.identifiers}
        with self._ports.store.read() as tx:
            for name, kind in self.pairs:
                held = claims.get(tx, name, kind, by_value)
                ids = {one for c in held.values() for one in (c.link, c.rival) if one}
                known = links.by_ids(tx, ids - person.links.keys())
                others = {k.id for k in known.values() if k.live and k.local_id and k.remote_id}
                for value, claim in held.items():
                    if {claim.link, claim.rival} & others:
                        found.add(by_value[value])
        return found

    def _in_others_rows(self, person: Person) -> set[Identifier]:
        """Values that another customer's row has too, whose other values are not theirs."""
        local, found = self._ports.local, set()
        if not isinstance(local, FindsRows):
            return set()
        mine = person.rows.get(Kind.CUSTOMER, set())
        for (_, kind), pair in self.pairs.items():
            if kind is not Kind.CUSTOMER:
                continue
            for rule in pair.local.rules:
                known = field_of(kind, rule.canonical)
                if known is None or known.type not in ("email", "phone") or rule.derived:
                    continue
                keys = set(local.rows_with(kind, rule.own, person.values)) - mine
                for row in local.read(kind, sorted(keys)).values():
                    theirs = pair.identifiers(pair.read_local(row.values))
                    if is_same(person.identifiers, theirs) is None:
                        found |= person.identifiers & set(theirs)
        return found

    def waiting(self, person: Person) -> tuple[int, int]:
        """How many letters and open conflicts are about them."""
        with self._ports.store.read() as tx:
            standing = conflicts.of_links(tx, person.links)
            letters = sum(
                one.state == intents.LETTER
                for link in person.links
                for one in intents.of_link(tx, link)
            )
            for name in self._beside.connections:
                for kind, keys in person.rows.items():
                    rows = staged.load(tx, name, kind, LOCAL, keys)
                    letters += sum(row.reason is not None for row in rows.values())
                for kind in {kind for one, kind in person.records if one == name}:
                    refs = person.records[name, kind]
                    rows = staged.load(tx, name, kind, REMOTE, refs)
                    letters += sum(row.reason is not None for row in rows.values())
        return letters, sum(len(fields) for fields in standing.values())

    def traces(self, person: Person) -> set[bytes]:
        """Digests and ends of sealed documents of theirs, as the state holds them."""
        found = set()
        for link in person.links.values():
            held = (link.local_digest, link.remote_digest)
            found |= {digest for digest in held if digest is not None}
            if link.base is not None:
                found.add(link.base[-16:])
        with self._ports.store.read() as tx:
            for _, _, _, sealed in erasing.sealed_documents(tx, person.links.keys()):
                found.add(sealed[-16:])
        return found


def _size(person: Person) -> int:
    return sum(
        len(one)
        for one in (
            person.subjects,
            person.links,
            *person.rows.values(),
            *person.records.values(),
        )
    )
