"""What must hold of a story that has come to rest. Each returns sentences, as `oracles` do."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from connector.store import tables as t
from connector.testing.world import Commit
from tests.simulation.history import Edit, plain
from tests.simulation.oracles import during
from tests.simulation.people import COLUMNS
from tests.simulation.stage import Stage
from tests.story import C


def at_the_end(stage: Stage) -> list[str]:
    """Oracles of a story that has come to rest."""
    return [
        *during(stage),
        *no_twins(stage),
        *agreement(stage),
        *no_lost_edit(stage),
        *everything_ended(stage),
        *sealed(stage),
        *erased_stay_away(stage),
    ]


def no_twins(stage: Stage) -> Iterator[str]:
    """O2 at rest: each person once on each side."""
    # A twin that a person made and that waits as a letter is noticed.
    letters = {
        (r["connection"], r["side"], r["record"]) for r in stage.rows(t.staged) if r["reason"]
    }
    noticed = {record for _, side, record in letters if side == "local"}
    rows = stage.sql("SELECT no, mail FROM clients WHERE is_deleted = 0")
    shop = Counter(r["mail"] for r in rows if str(r["no"]) not in noticed)
    yield from (f"O2 {mail} is {n} times in the shop" for mail, n in shop.items() if n > 1)
    for name, vendor in stage.houses.items():
        there = Counter(
            d["fields"].get(vendor.mail)
            for d in vendor.dump()
            if (name, "remote", d["ref"]) not in letters
        )
        yield from (f"O2 {mail} is {n} times at {name}" for mail, n in there.items() if n > 1)


def _set_aside(stage: Stage) -> set[str]:
    """People with an open letter or a conflict about the whole record."""
    keys = {(r["connection"], r["record"]) for r in stage.rows(t.staged) if r["reason"]}
    held = {r["link"] for r in stage.rows(t.intent)}
    found: set[tuple[str, str | None]] = set(keys)
    for row in stage.rows(t.link):
        mine = {(row["connection"], row["local_id"]), (row["connection"], row["remote_id"])}
        if mine & keys or row["id"] in held:
            found |= mine
    people = {
        p
        for p, row in stage.shop_rows().items()
        for n in stage.houses
        if (n, str(row["no"])) in found
    }
    there = {
        str(d["fields"].get(vendor.mail, "")).partition("@")[0]
        for name, vendor in stage.houses.items()
        for d in vendor.dump()
        if (name, d["ref"]) in found
    }
    return people | there | stage.mixed_up()


def _open_fields(stage: Stage) -> dict[str, set[str]]:
    """Person to the units in open conflict, or of which a value was left out."""
    links = {r["id"]: r for r in stage.rows(t.link)}
    by_ref = {
        (name, d["ref"]): p for name in stage.houses for p, d in stage.vendor_records(name).items()
    }
    by_row = {str(r["no"]): p for p, r in stage.shop_rows().items()}
    found: dict[str, set[str]] = defaultdict(set)
    for row in stage.rows(t.conflict):
        link = links.get(row["link"])
        if link is not None:
            person = by_ref.get((link["connection"], link["remote_id"])) or by_row.get(
                link["local_id"]
            )
            if person:
                # A value that is left out is named by its field: address.street.
                found[person] |= {row["field"], row["field"].partition(".")[0]}
    return found


UNIT = {"job": "occupation", "street": "address", "full_name": "name"}


def agreement(stage: Stage) -> Iterator[str]:
    """O4: the shop and each vendor show the same, record by record and field by field."""
    aside, open_ = _set_aside(stage), _open_fields(stage)
    shop = stage.shop_rows()
    for name in stage.houses:
        crm = stage.vendor_records(name)
        for person in (shop.keys() ^ crm.keys()) - aside:
            if "*" not in open_.get(person, set()):
                yield f"O4 {person} is only {'in the shop' if person in shop else 'at ' + name}"
        for person in shop.keys() & crm.keys() - aside:
            for column, field in stage.houses[name].fields.items():
                unit = UNIT[column] if column != "full_name" else "names.full"
                if {unit, UNIT[column]} & open_.get(person, set()):
                    continue
                here, there = shop[person][column], crm[person]["fields"].get(field)
                if plain(here) != plain(there):
                    yield f"O4 {person}: {column} is {here} in the shop, {there} at {name}"


def no_lost_edit(stage: Stage) -> Iterator[str]:
    """O1: each edit stands, was knowingly replaced, or lost by a rule with an event, or waits."""
    standing = _standing(stage)
    aside, open_ = _set_aside(stage), _open_fields(stage)
    lost = stage.lost_by_rule()
    history = stage.history
    for edit in history.edits:
        units = {UNIT[edit.name], "names.full" if edit.name == "full_name" else UNIT[edit.name]}
        if edit.person in stage.erased:
            continue
        waits = edit.person in aside or (units | {"*"}) & open_.get(edit.person, set())
        if waits or units & lost.get(edit.person, set()):
            continue
        shown = standing.get((edit.person, edit.name), [])
        deleted = history.deleted.get(edit.person, [])
        if edit.value is None:
            before = history.known_to(edit.person, edit.name, edit.over)
            lives_on = edit.over is not None and before & {plain(value) for value in shown}
            forgotten = any(edit is one for one in history.forgotten)
            if lives_on and not deleted and not forgotten and not _unclosable(stage, edit):
                yield f"O1 {edit.person}: {edit.name} emptied ({edit.side}) is lost"
            continue
        # Whoever empties a field or deletes a record does away with what it showed, even where
        # another's edit brings the field or the person back.
        done_away = [*shown, None, *(seen.get(edit.name) for _, seen in deleted)]
        known = {
            one for value in done_away for one in history.known_to(edit.person, edit.name, value)
        }
        if edit.value not in known and not _unclosable(stage, edit):
            yield f"O1 {edit.person}: {edit.name} = {edit.value} ({edit.side}) is lost"


def _standing(stage: Stage) -> dict[tuple[str, str], list[str | None]]:
    """Person and column to the values that stand now, on all sides where the person is."""
    found: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for person, row in stage.shop_rows().items():
        for column in COLUMNS:
            found[person, column].append(row[column])
    for name, house in stage.houses.items():
        for person, record in stage.vendor_records(name).items():
            for column, field in house.fields.items():
                found[person, column].append(record["fields"].get(field))
    return found


def _unclosable(stage: Stage, edit: Edit) -> bool:
    """Whether the edit fell into the one window that cannot be closed at this vendor.

    The feed showed it only after the run began that wrote the same field (or removed the record). A
    conditional write refuses that, except within one version step; no removal is conditional.
    """
    if edit.side == "shop":
        return False
    vendor = stage.houses[edit.side]
    field = vendor.fields[edit.name]
    can = vendor.capabilities
    for record in vendor.records.values():
        ours_before = None
        for at, commit in enumerate(record.commits):
            if plain(commit.fields.get(field)) == edit.value and not commit.by_us:
                later = [c for c in record.commits[at + 1 :] if c.by_us]
                over = next((c for c in later if _does_away(c, field, edit.value)), None)
                if over is None:
                    return False
                # Without counts our write of any field hides what came right before it.
                ours = over if can.counts_writes else later[0]
                if _begun(stage, edit.side, ours.shown["read"]) > commit.shown["feed"]:
                    return False
                beside = (over, ours_before or over)
                same_step = any(one.stamp == commit.stamp for one in beside)
                return same_step or over.state != "live" or not can.conditional
            ours_before = commit
    return False


def _begun(stage: Stage, name: str, at: dt.datetime) -> dt.datetime:
    """When the run began that may have sent what landed at a time by a vendor's clock."""
    life = stage.houses[name].capabilities.call_life
    return min(
        (one[name] for one, end in stage.spans if one[name] <= at <= end[name] + life), default=at
    )


def _does_away(commit: Commit, field: str, value: str | None) -> bool:
    return commit.state != "live" or plain(commit.fields.get(field)) != value


def everything_ended(stage: Stage) -> Iterator[str]:
    """O13: nothing is left under way; what waits for a person says so."""
    for row in stage.rows(t.intent):
        if row["state"] in ("sending", "unknown"):
            yield f"O13 a {row['op']} is still {row['state']}"
    for row in stage.rows(t.staged):
        if not row["reason"] and not row["waits_for"]:
            yield f"O13 {row['side']} {row['record']} ({row['kind']}) is still staged"


def sealed(stage: Stage) -> Iterator[str]:
    """O10, as far as it applies: no person's value stands in clear in the state."""
    marker = f"x{stage.seed}."
    for table in t.metadata.tables.values():
        for row in stage.rows(table):
            for column, value in row.items():
                text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                if marker in text or "@example.test" in text:
                    yield f"O10 {table.name}.{column} holds a value in clear"


def erased_stay_away(stage: Stage) -> Iterator[str]:
    """O10: of those who were erased nothing stands anywhere: no value, no id, no index."""
    if stage.erased and not stage.all_erased():
        yield "O10 an erasure has not ended"
    people, vault = set(stage.erased), stage.vault
    for person in people & stage.shop_rows().keys():
        yield f"O10 the shop has {person}, who was erased"
    for name in stage.houses:
        for person in people & stage.vendor_records(name).keys():
            yield f"O10 {name} has {person}, who was erased"
    keys = {key for person, key in stage.erased.items() if person not in stage.unknown}
    refs = {where for where, person in stage.erased_refs.items() if person not in stage.unknown}
    claims = {bytes(row["digest"]) for row in stage.rows(t.claim)}
    for person in people:
        held = (("email/1", f"{person}@example.test"), ("phone/1", "+86" + stage.mobile_of(person)))
        if claims & {digest for one in held for digest in vault.blind(*one)}:
            yield f"O10 an index of {person} is claimed"
    for row in stage.rows(t.link):
        mine = row["kind"] == C and row["local_id"] in keys
        if mine or (row["connection"], row["remote_id"]) in refs:
            yield f"O10 link {row['id']} knows somebody who was erased"
        if row["state"] == "erased" and (row["base"] or row["local_digest"] or row["external_key"]):
            yield f"O10 link {row['id']} keeps something of somebody who was erased"
    for row in stage.rows(t.staged):
        mine = row["kind"] == C and row["side"] == "local" and row["record"] in keys
        if mine or (row["connection"], row["record"]) in refs:
            yield f"O10 {row['record']} is staged, whose person was erased"


def is_silent(stage: Stage) -> list[str]:
    """O5: two more runs write nothing. O11: they ask each vendor a constant number of times."""
    found = []
    for _ in range(2):
        stage.later(seconds=900)
        before = stage.our_writes()
        asked = {name: house.asked() for name, house in stage.houses.items()}
        stage.attempt()
        if stage.our_writes() != before:
            found.append(f"O5 a quiet run wrote: {stage.our_writes() - before}")
        for name, house in stage.houses.items():
            calls = house.asked() - asked[name]
            if calls > house.quiet_calls and not _asked_anew(stage):
                found.append(f"O11 a quiet run asked {name} {calls} times")
    if stage.most_refused > REFUSED_CALLS:
        found.append(f"O11 one run went on after the quota was spent: {stage.most_refused} calls")
    return found


REFUSED_CALLS = 4
"""One for each kind of a vendor, and the account's name."""


def _asked_anew(stage: Stage) -> bool:
    """Whether a record with an open conflict is read by id in each run, as it must be."""
    return any(row["state"] == "open" for row in stage.rows(t.conflict))


def digest(stage: Stage) -> str:
    """O12: the story's event log in one word; equal for equal seeds and builds."""
    rows = stage.rows(t.event)
    plain = "\n".join(
        f"{r['seq']} {r['at_us']} {r['run']} {r['kind']} {r['link']} {r['field']} {r['cause']}"
        for r in rows
    )
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
