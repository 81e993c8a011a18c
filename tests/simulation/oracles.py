"""What must hold at every step of a story. Each returns sentences, one for each violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

from connector.plugin import version_key
from connector.store import tables as t
from connector.sync.moments import from_us
from tests.simulation.people import COLUMNS
from tests.simulation.stage import Stage
from tests.story import C


def during(stage: Stage) -> list[str]:
    """Oracles of every step."""
    return [
        *stage.wrong,
        *one_to_one(stage),
        *nobody_elses_value(stage),
        *cursor_truth(stage),
        *removed_with_evidence(stage),
        *dead_stay_dead(stage),
        *created_once(stage),
    ]


def one_to_one(stage: Stage) -> Iterator[str]:
    """O2: live links are one-to-one; a claim has one live holder."""
    live = [row for row in stage.rows(t.link) if row["live"]]
    for column in ("local_id", "remote_id"):
        held = Counter(
            (r["connection"], r["kind"], r[column]) for r in live if r[column] is not None
        )
        yield from (f"O2 {key} has {n} live links" for key, n in held.items() if n > 1)
    ids = {row["id"] for row in live}
    for claim in stage.rows(t.claim):
        if claim["link"] not in ids:
            yield f"O2 a claim is held by a dead link {claim['link']}"


def nobody_elses_value(stage: Stage) -> Iterator[str]:
    """O3: no value that began with one person stands in another's record."""
    mixed_up = stage.mixed_up()
    for person, row in stage.shop_rows().items():
        for column in COLUMNS:
            if (
                person not in mixed_up
                and row[column]
                and not str(row[column]).startswith(f"{person}.")
            ):
                yield f"O3 the shop's {person} holds {row[column]} in {column}"
    for name, house in stage.houses.items():
        for person, record in stage.vendor_records(name).items():
            for field in house.fields.values():
                value = record["fields"].get(field)
                if person not in mixed_up and value and not str(value).startswith(f"{person}."):
                    yield f"O3 {name}'s {person} holds {value} in {field}"


def cursor_truth(stage: Stage) -> Iterator[str]:
    """O6: what the feed shows and is at or below the watermark has been staged or settled."""
    for name in stage.houses:
        yield from _cursor_truth(stage, name)


def _cursor_truth(stage: Stage, name: str) -> Iterator[str]:
    since = next(
        (r["since_us"] for r in stage.rows(t.scope) if r["connection"] == name and r["kind"] == C),
        None,
    )
    if since is None:
        return
    staged = {
        r["record"]
        for r in stage.rows(t.staged)
        if r["side"] == "remote" and r["connection"] == name
    }
    known: dict[str, sa.RowMapping] = {}
    for row in stage.rows(t.link):
        mine = row["connection"] == name and row["kind"] == C and row["remote_id"]
        if mine and (row["live"] or row["remote_id"] not in known):
            known[row["remote_id"]] = row
    under_way = {r["link"] for r in stage.rows(t.intent)}  # their end reads the record by id
    vendor = stage.houses[name]
    now, until = vendor.clock.now(), from_us(since)
    for ref, record in vendor.records.items():
        seen = record.seen("feed", now)
        if seen is None or seen.state != "live" or seen.stamp >= until:  # read again from there
            continue
        link = known.get(ref)
        by_id = record.seen("read", now)
        if by_id is None or by_id.state != "live":
            continue  # the feed still shows it, a read by id says that it is gone
        if ref in staged or (name, ref) in stage.ever_hidden or stage.turns_away(name, ref):
            continue
        if record.now.stamp >= until:
            continue  # saved since, as a restored one is: the next window reads it whole
        if link is not None and link["id"] in under_way:
            continue
        if link is None:
            yield f"O6 {name}: {ref} is below the watermark and unknown"
            continue
        held = link["remote_version"] if link["live"] and link["state"] == "active" else None
        if held and version_key(held) < version_key(seen.version):
            yield f"O6 {name}: {ref} is known in an older version than the cursor passed"


def removed_with_evidence(stage: Stage) -> Iterator[str]:
    """O7: we remove only what a person removed on the other side."""
    deleted = {
        side: {p for p, many in stage.history.deleted.items() for s, _ in many if s == side}
        for side in ("shop", *stage.houses)
    }
    for name, vendor in stage.houses.items():
        elsewhere = set().union(*(people for side, people in deleted.items() if side != name))
        elsewhere |= stage.erased.keys()
        for record in vendor.records.values():
            last = record.now
            if last.state != "live" and last.by_us:
                person = str(last.fields.get(vendor.mail, "")).partition("@")[0]
                if person not in elsewhere:
                    yield f"O7 we removed {person} from {name} and nobody asked for it"
    kept = set(stage.shop_rows()).union(*deleted.values(), stage.erased)
    for person in stage.row_of.keys() - kept:
        yield f"O7 we removed {person} from the shop and nobody asked for it"


def created_once(stage: Stage) -> Iterator[str]:
    """O2: no record is created twice by us, whatever became of the first answer.

    Our key is the record's name. Neither a record hidden from us can be found by it nor one that
    a person deleted before we knew of it. One that an erasure took away is made anew where state
    and keys were both put back from before it: then nothing of ours knows that it was begun.
    """
    made = Counter(
        (name, record.now.key)
        for name, vendor in stage.houses.items()
        for ref, record in vendor.records.items()
        if record.commits[0].by_us
        and record.now.key
        and (name, ref) not in stage.ever_hidden
        and not (record.now.state != "live" and not record.now.by_us)
        and not (record.now.state != "live" and (name, ref) in stage.erased_refs)
    )
    yield from (
        f"O2 {name}: one record was created {n} times by us"
        for (name, _), n in made.items()
        if n > 1
    )


def dead_stay_dead(stage: Stage) -> Iterator[str]:
    """O7: what a tombstone remembers comes back as a new epoch or not at all."""
    rows = stage.rows(t.link)
    for column in ("local_id", "remote_id"):
        buried = {
            (r["connection"], r["kind"], r[column]): r["epoch"]
            for r in rows
            if not r["live"] and r[column]
        }
        for row in rows:
            mine = (row["connection"], row["kind"], row[column])
            if row["live"] and row["epoch"] <= buried.get(mine, 0):
                yield f"O7 {column} {row[column]} came back although it has a tombstone"
