"""The privacy policy at one scope: whose record it is, what may leave, and in which form.

Everything that holds for all people is worked out when the scope is opened; of a person only the
few facts are read that the gates ask for, from the shop's own row of the customer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.errors import PolicyFileError
from connector.mapping.checks import check_of
from connector.mapping.lens import Refusal, Where
from connector.mapping.lenses import build
from connector.mapping.names import FULL, NAMES
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.mapping.times import zone_of
from connector.plugin import Kind, Reason, Schema
from connector.policy.actions import MASKS, PSEUDONYM_CHARS, Change, Pseudonyms, change_of, scanned
from connector.policy.compile import ALLOW, Compiled, Ruling, Verdict
from connector.policy.document import CHANGES
from connector.policy.facts import facts_of, is_fact
from connector.policy.load import Policy
from connector.policy.matching import CONSENT, UNCLASSIFIED, class_of
from connector.privacy.vault import Vault
from connector.records import Canonical, Value, field_of

LETTER = "policy_"
"""What the codes of letters begin with that a policy made."""

WHY: Mapping[str, str] = {
    "restricted": "the person's data may not be used for now",
    "suppressed": "the person was erased and is not to come back",
    "minor_no_guardian": "a minor without a guardian's consent, or of unknown age",
    "unknown_country": "the person's country is not known, and the record would cross a border",
    "no_transfer": "no transfer that is valid today lets it cross the border",
    "no_consent_abroad": "the person's consent to the transfer is missing",
    "no_purpose": "nothing but keys would be left of it",
    "rule": "a rule of the policy blocks it",
    "unclassified": "a field without a class holds a value",
    "untraced": "a value was about to leave that no rule has let out",
}


class People:
    """Reads the facts of customers out of the shop's rows."""

    def __init__(self, mapping: LocalMapping | None, zone: dt.tzinfo, region: str | None) -> None:
        self._reads = []
        for rule in mapping.rules if mapping is not None else ():
            known = field_of(Kind.CUSTOMER, rule.canonical)
            if known is None or not is_fact(rule.canonical) or rule.direction == "pull":
                continue
            lens = build(rule.lens, Where("local", zone, region, known, rule.type))
            self._reads.append((rule.own, rule.canonical, lens.read))
        self.columns = tuple(own for own, _, _ in self._reads)

    def record(self, own: Mapping[str, Any]) -> Canonical:
        """The canonical values that the gates ask for."""
        return {
            name: read(own[column]) if own[column] is not None else None
            for column, name, read in self._reads
            if column in own
        }


@dataclass(slots=True)
class Gate:
    """What one destination may be told, of records of one kind."""

    compiled: Compiled
    people: People
    pseudonym: Pseudonyms
    unknown_is_minor: bool
    local_consent: str
    """What an answer in the shop's row counts as where it does not say: staff or subject."""
    digested: frozenset[str] = frozenset()
    """The fields of which a base keeps digests alone."""
    odd: frozenset[str] = frozenset()
    """The vendor's fields that are read, have no class, and put their record aside."""
    _changes: dict[tuple[str, str, str | None], Change] = field(default_factory=dict)
    _free: dict[tuple[int, tuple[str, ...]], tuple[Ruling, bool]] = field(default_factory=dict)

    @property
    def shut(self) -> frozenset[str]:
        """The fields that are written at the destination and never read there."""
        return self.compiled.push_only

    def ruling(self, own: Mapping[str, Any] | None, *, suppressed: bool = False) -> Ruling:
        """What may go out of a person's records; `own` is the customer's row, None if unknown."""
        record = self.people.record(own) if own is not None else {}
        facts = facts_of(
            record,
            self.compiled.today,
            unknown_is_minor=self.unknown_is_minor,
            suppressed=suppressed,
        )
        return self.compiled.ruling(facts)

    def leaves(self, kind: Kind, name: str) -> bool:
        """Whether a field has a class, its own or the policy's; the others stay where they are."""
        return class_of(self.compiled.document, kind, name) != UNCLASSIFIED

    def verdict(self, ruling: Ruling, name: str) -> Verdict:
        """What becomes of one field. One that nobody asked about when this was made stays here.

        Where all else of the person is stopped, their answers may still go: `refusals.py` lets
        only a no through. Of who was erased nothing goes.
        """
        if ruling.block not in (None, "suppressed") or ruling.hold:
            one = self.compiled.fields.get(name)
            if one is not None and one.class_ == CONSENT:
                return ALLOW
        return ruling.fields.get(name) or Verdict("drop_field", rules=("untraced",))

    def leaves_free(self, ruling: Ruling, names: tuple[str, ...]) -> bool:
        """Whether all these fields go out truly, and are read back."""
        # A ruling is one for all people of whom the same is known: few answer for many records.
        # It is kept beside its answer, so that no other one takes its id.
        key = id(ruling), names
        known = self._free.get(key)
        if known is None:
            free = not any(
                name in self.shut or self.verdict(ruling, name).action != "allow" for name in names
            )
            known = self._free[key] = ruling, free
        return known[1]

    def sent(self, verdict: Verdict, name: str, value: Value) -> Value:
        """What goes out in place of a value."""
        if verdict.action not in CHANGES:
            assert verdict.action == "allow", "what is dropped is not sent"
            return value
        spec = self.compiled.fields[name].scan
        if verdict.how == "scan":
            return scanned(value, spec)
        key = (name, verdict.action, verdict.how)
        change = self._changes.get(key)
        if change is None:
            known = field_of(self.compiled.kind, name)
            assert known is not None
            change = self._changes[key] = change_of(
                verdict.action, verdict.how, known, self.compiled.today, self.pseudonym
            )
        return change(name, value)

    def stopped(self, ruling: Ruling, record: Canonical) -> Reason | None:
        """Why nothing of this record may go out, if so."""
        why, rules = ruling.block, ruling.rules
        if why is None:
            for name, ids in ruling.stops.items():
                if record.get(name) is not None:
                    why, rules = "unclassified" if "unclassified" in ids else "rule", ids
                    break
        if why is None:
            return None
        return self.reason(why, rules)

    def reason(self, why: str, rules: Iterable[str] = ()) -> Reason:
        """The reason of a letter; it names rules and no value."""
        ids = ", ".join(rules)
        told = f"{WHY[why]} ({ids})" if ids else WHY[why]
        where = self.compiled.destination
        return Reason(code=f"{LETTER}{why}", text=f"it does not go to {where}: {told}")


# --- made for one scope ---------------------------------------------------------------------------


def going_out(mapping: VendorMapping) -> tuple[str, ...]:
    """The canonical fields that a mapping lets out, the whole name beside its parts."""
    found = [rule.canonical for rule in mapping.rules if rule.direction != "pull"]
    if NAMES & set(found):
        found.append(FULL)
    return tuple(dict.fromkeys(found))


def compiled_for(policy: Policy, name: str, mapping: VendorMapping, today: dt.date) -> Compiled:
    """The policy for what this mapping sends to this connection.

    Raises: PolicyFileError if the policy says nothing of the connection, or of a field.
    """
    document = policy.document
    if name not in document.destinations:
        fault = policy.fault(("destinations",), f"there is no destination `{name}`: add it")
        raise PolicyFileError("The policy does not fit the settings:", faults=[fault])
    lacking = [
        f"{mapping.path}:{rule.line}: {mapping.kind}.{rule.canonical} has no class;"
        f" give it one under `fields` of {policy.path}."
        for rule in mapping.rules
        if rule.direction != "pull"
        and class_of(document, mapping.kind, rule.canonical) == UNCLASSIFIED
    ]
    if lacking:
        raise PolicyFileError("The policy does not fit a mapping:", faults=lacking)
    says_no = {
        rule.canonical.removeprefix("consent.")
        for rule in mapping.rules
        if rule.canonical.startswith("consent.") and rule.direction != "pull"
    }
    return Compiled(
        document,
        name,
        mapping.kind,
        going_out(mapping),
        today,
        says_no if mapping.kind is Kind.CUSTOMER else None,
    )


def odd_fields(policy: Policy, mapping: VendorMapping) -> frozenset[str]:
    """The vendor's fields that a mapping only reads and that have no class."""
    if policy.document.defaults.unclassified_inbound == "drop":
        return frozenset()
    return frozenset(
        rule.own
        for rule in mapping.rules
        if class_of(policy.document, mapping.kind, rule.canonical) == UNCLASSIFIED
    )


def field_mark(vault: Vault, kind: Kind, salt: str, name: str, data: bytes) -> str:
    """The keyed hash of one field's value, for a base that must not keep it."""
    return vault.digest(kind, salt, f"field/{name}", data).hex()


def digested_fields(policy: Policy, mapping: VendorMapping) -> frozenset[str]:
    """The fields that both sides may have and whose class says `base: digest`.

    Raises: PolicyFileError if one of them is needed whole to find records by.
    """
    names = {rule.canonical for rule in mapping.rules}
    classes = policy.document.classes
    found = {
        name
        for name in names
        if (spec := classes.get(class_of(policy.document, mapping.kind, name))) is not None
        and spec.base == "digest"
    }
    faults = [
        policy.fault(
            ("classes", class_of(policy.document, mapping.kind, name), "base"),
            f"{mapping.path} finds records by `{name}`, so its values are needed",
        )
        for name in sorted(found & set(mapping.match))
    ]
    if faults:
        raise PolicyFileError("The policy does not fit a mapping:", faults=faults)
    return frozenset(found)


def check_fit(policy: Policy, gate: Gate, mapping: VendorMapping, schema: Schema) -> None:
    """See that what a rule makes of values fits the vendor's fields, before any is sent.

    Raises: PolicyFileError.
    """
    faults = []
    for number, rule in enumerate(policy.document.rules):
        if rule.action not in CHANGES:
            continue
        for line in mapping.rules:
            name = line.canonical
            one = gate.compiled.fields.get(name)
            info = schema.fields.get(line.own)
            if one is None or info is None or name not in gate.shut:
                continue
            if not gate.compiled.could_match(rule, one):
                continue
            said = _misfit(rule.action, rule.with_, info)
            if said is not None:
                where = f"{gate.compiled.destination}: {schema.object}.{line.own} {said}"
                faults.append(policy.fault(("rules", number), f"`{rule.id}`: {where}"))
    if faults:
        raise PolicyFileError("The policy does not fit the vendor's fields:", faults=faults)


def _misfit(action: str, how: str | None, info: Any) -> str | None:
    """Why a field does not take what an action makes, in words."""
    if action == "generalise" and how == "year":
        fits = info.type in ("date", "datetime", "text", "other")
        return None if fits else f"is a {info.type} and takes no year"
    if info.type not in ("text", "phone", "email", "other"):
        return f"is a {info.type} and takes no text"
    if action != "hash" and info.unique:
        return "is unique, and two people may be given the same"
    sample = MASKS[how][2] if action == "mask" and how is not None else "30-39"
    if action == "hash":
        sample = "A" * PSEUDONYM_CHARS
    check = check_of(info)
    try:
        if check is not None:
            check(sample)
    except Refusal as refusal:
        return f"does not take it: {refusal.text}"
    return None


def gate_for(
    policy: Policy,
    name: str,
    mapping: VendorMapping,
    people: LocalMapping | None,
    *,
    zone: str,
    region: str | None,
    today: dt.date,
    pseudonym: Pseudonyms,
) -> Gate:
    """Make the policy ready for one connection and kind. Raises: PolicyFileError."""
    defaults = policy.document.defaults
    return Gate(
        compiled_for(policy, name, mapping, today),
        People(people, zone_of(zone) or dt.UTC, region),
        pseudonym,
        unknown_is_minor=defaults.unknown_age == "treat_as_minor",
        local_consent=defaults.local_consent,
        digested=digested_fields(policy, mapping),
        odd=odd_fields(policy, mapping),
    )
