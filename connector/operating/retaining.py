"""How long data is kept: how records stand to the policy's terms, and having a run look now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connector.app import Connector
from connector.errors import UsageError
from connector.plugin import Kind
from connector.policy.load import Policy
from connector.policy.retention import AHEAD, KEPT, NO_START, OVER
from connector.store import scopes
from connector.sync import retaining
from connector.sync.ports import LOCAL_SCOPE
from connector.sync.retaining import LastLook, Tallies
from connector.sync.terms import terms_for

WORDS: Final = (OVER, KEPT, NO_START, AHEAD)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the linked records of one connection stand to one entry of the policy; no values."""

    entry: int
    """Its number in the file, from 1."""
    line: int
    connection: str
    kind: str
    action: str
    after: str
    start: str
    stands: Mapping[str, int]
    """`over`, `kept`, `no_start` and `ahead` to how many records."""
    restricted: int
    """Of those that are over, how many stay because their people's data may only be stored."""


def standings(connector: Connector) -> list[Standing]:
    """Judge all linked rows of the shop, and change nothing. Asks no vendor.

    Raises: UsageError if the policy has no terms; as `Connector.policy`.
    """
    policy = with_terms(connector)
    found = []
    for name in connector.settings.connections:
        for kind in connector.kinds(name):
            tallies = _tallies(connector, policy, name, kind)
            for number, counted in sorted(tallies.items()):
                spec = policy.document.retention[number]
                stands = {word: counted.stands.get(word, 0) for word in WORDS}
                line = policy.line("retention", number)
                found.append(
                    Standing(
                        number + 1,
                        line,
                        name,
                        str(kind),
                        spec.action,
                        spec.after,
                        spec.from_,
                        stands,
                        counted.restricted,
                    )
                )
    return found


def with_terms(connector: Connector) -> Policy:
    """The policy, if it has terms. Raises: UsageError."""
    policy = connector.policy()
    if policy is None or not policy.document.retention:
        raise UsageError(
            "No privacy policy says how long anything is kept.",
            hint="Add `retention` entries to the file that [privacy] policy names.",
        )
    return policy


def _tallies(connector: Connector, policy: Policy, name: str, kind: Kind) -> Tallies:
    settings = connector.settings
    terms = terms_for(
        policy,
        connector.local_mapping(kind),
        connector.vendor_mapping(name, kind),
        read_only=settings.local.kinds()[kind].file is not None,
        zone=settings.local.zone,
        region=settings.local.phone_region,
        now=connector.now(),
    )
    if terms is None:
        return {}
    connector.local.observe(kind, terms.columns)
    tallies: Tallies = {entry.number: retaining.Tally() for entry in terms.entries}
    parts = (connector.store, connector.local, connector.vault)
    for page in retaining.pages(*parts, name, kind, terms):
        for one in page:
            retaining.tally(tallies, one, waits=bool(one.judged.due))
    return tallies


def look_now(connector: Connector) -> None:
    """Have the next run look at all terms, whenever it looked last."""
    with connector.store.write(None, "retention now") as tx:
        for name in connector.settings.connections:
            for kind in connector.kinds(name):
                retaining.look_now(tx, name, str(kind))
        scopes.update(tx, LOCAL_SCOPE, retaining.place("people"), since_us=None)


def looks(connector: Connector) -> Sequence[LastLook]:
    """When each scope was looked at last, and what waits there."""
    with connector.store.read() as tx:
        return retaining.last_looks(tx)
