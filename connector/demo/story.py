"""The story: a first sync, a day of people's edits and mishaps, a second sync, a third, a look."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from connector.demo.compare import Compared, compare
from connector.demo.desk import Desk
from connector.demo.lines import Plain, joined
from connector.demo.scene import RATE, Scene, set_up
from connector.demo.shop import CUSTOMERS, person, remark
from connector.plugin import Clock
from connector.sync.ports import Progress, no_progress
from connector.sync.report import RunReport

Plant = Literal["lose", "duplicate", "diverge"]
SHOP = "the shop"
KNOWN_BEFORE = 5
"""Customers whom the vendor knew before the first sync."""


@dataclass(slots=True)
class Told:
    """How the story went: lines for a person, and the figures."""

    chapters: list[tuple[str, str, str]] = field(default_factory=list)
    """Chapter, where, what happened."""
    figures: dict[str, Any] = field(default_factory=dict)

    def tell(self, chapter: str, where: str, what: str) -> None:
        self.chapters.append((chapter, where, what))


@dataclass(frozen=True, slots=True)
class Expected:
    """An edit that must have reached every side: a shop's row and column, and vendors' fields."""

    what: str
    where: str
    """The shop, or the vendor at which it was made."""
    query: str
    shop: object
    identity: tuple[str, str, object]
    """Kind, canonical field and value by which the vendors' records are found."""
    values: Mapping[str, Plain]
    """Canonical values in plain form; a vendor is asked for those that it carries."""


def play(
    folder: Path,
    *,
    plant: Plant | None = None,
    rate: str = RATE,
    seed: int = 2026,
    clock: Clock | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = no_progress,
) -> Told:
    """Play it in an empty folder. `Told.figures` are the demo's last line, all but the seconds."""
    began = time.monotonic()
    rng, told = Random(seed), Told()  # noqa: S311 - invented people, no secrets
    with set_up(folder, rng, rate=rate, clock=clock, say=say) as scene:
        for desk in scene.desks:
            _known_before(scene, desk)
        say("first sync …")
        first = scene.connector.sync(progress=progress)
        _report(told, "first sync", first)
        expected = [
            one
            for number, desk in enumerate(scene.desks)
            for one in _a_day(scene, desk, rng, told, number)
        ]
        say("second sync …")
        second = scene.connector.sync(progress=progress)
        _report(told, "second sync", second)
        late = _missing(scene, expected)
        _routes(told, scene, expected, late)
        say("third sync …")
        third = scene.connector.sync(progress=progress)
        _report(told, "third sync", third)
        if plant is not None:
            spoil(scene.desks[0], plant)
            told.tell("planted", scene.desks[0].name, f"{plant}: one record spoiled on purpose")
        compared = [compare(scene.shop, desk) for desk in scene.desks]
        missed = _missing(scene, expected)
    _verdict(told, compared, missed, late, (first, second, third))
    told.figures["rate"] = rate
    told.figures["seconds"] = round(time.monotonic() - began, 1)
    return told


# --- before, and the day ------------------------------------------------------------------------


def _known_before(scene: Scene, desk: Desk) -> None:
    """Some customers are in the CRM already, under the same e-mail address."""
    query = "SELECT surname, mail FROM clients WHERE mail IS NOT NULL LIMIT ?"
    for row in scene.shop.rows(query, KNOWN_BEFORE):
        desk.create("customer", {"names.family": row["surname"], "emails.primary": row["mail"]})


def _a_day(scene: Scene, desk: Desk, rng: Random, told: Told, number: int) -> list[Expected]:
    """People edit on both sides; an answer will be lost. Each vendor has customers of its own."""
    start = 20 + 45 * number  # a step of nines: every ninth customer has no e-mail address
    expected = [
        *_alone(scene, desk, start),
        *_both(scene, desk, start),
        *_consent(scene, desk, start),
    ]
    told.tell("a day", SHOP, "a moved customer, a name, points, a card prolonged")
    told.tell("a day", desk.name, "a job, a stage, a feedback answered")
    told.tell("a day", "both", "one name and one stage, each edited on both sides")
    told.tell("a day", "both", "an opt-out in the shop, another at the vendor")
    _deletions(scene, start)
    told.tell("a day", SHOP, "a customer and a feedback deleted")
    expected.append(_newcomers(scene, desk, rng, number))
    told.tell("a day", desk.name, "a new customer there, two new ones in the shop")
    desk.handle.fault("lost_after", operation="insert")
    told.tell("a day", desk.name, "the answer to the next create will be lost on its way back")
    return expected


def _mail(number: int) -> str:
    return f"client{number:04d}@example.test"


def _row(number: int, column: str) -> str:
    return f"SELECT {column} FROM clients WHERE mail = '{_mail(number)}'"


def _here(scene: Scene, number: int, columns: Mapping[str, object]) -> None:
    sets = ", ".join(f"{name} = ?" for name in columns)
    scene.shop.change(f"UPDATE clients SET {sets} WHERE mail = ?", *columns.values(), _mail(number))


def _there(desk: Desk, number: int, values: Mapping[str, Any]) -> None:
    record = desk.where("customer", "emails.primary", _mail(number))
    desk.edit("customer", record, values)


def _expect(
    number: int, what: str, where: str, column: str, shop: object, values: Mapping[str, Plain]
) -> Expected:
    identity = ("customer", "emails.primary", _mail(number))
    return Expected(what, where, _row(number, column), shop, identity, values)


def _alone(scene: Scene, desk: Desk, start: int) -> list[Expected]:
    """Edits on one side alone: each travels to every other."""
    _here(scene, start, {"province": "云南", "city": "昆明", "street": "新居路8号"})
    _here(scene, start + 1, {"surname": "诸葛"})
    scene.shop.change("UPDATE cards SET points = points + 88 WHERE card_id = ?", start)
    scene.shop.change("UPDATE cards SET ends = '2027-12-31' WHERE card_id = ?", start + 1)
    _there(desk, start + 2, {"occupation": "园艺师"})
    _there(desk, start + 3, {"lifecycle": "loyal"})
    feedback = desk.where("feedback", "title", f"留言 {start:04d}")
    desk.edit("feedback", feedback, {"status": "resolved"})
    subject = ("feedback", "title", f"留言 {start:04d}")
    progress = f"SELECT progress FROM remarks WHERE subject = '{subject[2]}'"
    named = _named(scene, start + 1, "诸葛")
    return [
        _expect(start, "a move", SHOP, "city", "昆明", {"address.city": "昆明"}),
        _expect(start + 1, "a name", SHOP, "surname", "诸葛", named),
        _expect(start + 2, "a job", desk.name, "job", "园艺师", {"occupation": "园艺师"}),
        _expect(start + 3, "a stage", desk.name, "stage", 2, {"lifecycle": "loyal"}),
        Expected(
            "an answered feedback", desk.name, progress, "closed", subject, {"status": "resolved"}
        ),
    ]


def _named(scene: Scene, number: int, family: str) -> dict[str, Plain]:
    """A name in both the forms that a vendor may carry."""
    given = scene.shop.rows(_row(number, "given_name"))[0]["given_name"]
    return {"names.family": family, "names.full": joined(family, given)}


def _both(scene: Scene, desk: Desk, start: int) -> list[Expected]:
    """The same field on both sides: the packaged mappings give names to the shop and the stage to
    the vendor."""
    _here(scene, start + 4, {"surname": "慕容"})
    _there(desk, start + 4, {"names.family": "Murong"})
    row = scene.shop.rows(_row(start + 5, "stage"))[0]
    _here(scene, start + 5, {"stage": 0 if row["stage"] != 0 else 1})
    stage, word = (3, "lost") if row["stage"] != 3 else (2, "loyal")
    _there(desk, start + 5, {"lifecycle": word})
    named = _named(scene, start + 4, "慕容")
    return [
        _expect(start + 4, "a name on both sides", SHOP, "surname", "慕容", named),
        _expect(start + 5, "a stage on both sides", desk.name, "stage", stage, {"lifecycle": word}),
    ]


def _consent(scene: Scene, desk: Desk, start: int) -> list[Expected]:
    """A no is a no, wherever it was said."""
    name = "consent.marketing.email"
    _here(scene, start + 8, {"no_mail": 1})
    _there(desk, start + 9, {name: True})
    return [
        _expect(start + 8, "an opt-out", SHOP, "no_mail", 1, {name: True}),
        _expect(start + 9, "an opt-out", desk.name, "no_mail", 1, {name: True}),
    ]


def _deletions(scene: Scene, start: int) -> None:
    # The last twenty of the first customers have neither cards nor remarks.
    query = "SELECT MAX(client_no) AS n FROM clients WHERE is_deleted = 0 AND client_no <= ?"
    doomed = scene.shop.rows(query, CUSTOMERS)[0]["n"]
    scene.shop.change("UPDATE clients SET is_deleted = 1 WHERE client_no = ?", doomed)
    scene.shop.change("DELETE FROM remarks WHERE remark_id = ?", start + 30)


def _newcomers(scene: Scene, desk: Desk, rng: Random, number: int) -> Expected:
    for n in (901 + 10 * number, 902 + 10 * number):
        client = scene.shop.insert("clients", person(rng, n))
        scene.shop.insert("remarks", {**remark(rng, n), "client_no": client})
    new = 905 + 10 * number
    desk.create(
        "customer",
        {
            "names.family": "上官",
            "names.given": "婉",
            "emails.primary": _mail(new),
            "phones.mobile": f"1380000{new:04d}",
            "address.city": "西安",
            # The shop's table gives every row a stage; a table's own defaults are no news to sync.
            "lifecycle": "prospect",
        },
    )
    return _expect(new, "a new customer", desk.name, "city", "西安", {"address.city": "西安"})


# --- the verdict --------------------------------------------------------------------------------


def _missing(scene: Scene, expected: list[Expected]) -> list[Expected]:
    """The edits that do not stand in the shop and at every vendor, each in its own words."""
    kinds = {one.identity[0] for one in expected}
    there = [(desk, {kind: desk.read_all(kind) for kind in kinds}) for desk in scene.desks]
    return [
        one
        for one in expected
        if not _stands_here(scene, one)
        or not all(_stands_there(desk, seen[one.identity[0]], one) for desk, seen in there)
    ]


def _stands_here(scene: Scene, one: Expected) -> bool:
    rows = scene.shop.rows(one.query)
    return len(rows) == 1 and next(iter(rows[0].values())) == one.shop


def _stands_there(desk: Desk, seen: list[dict[str, Plain]], one: Expected) -> bool:
    kind, canonical, value = one.identity
    found: dict[str, Plain] = next((r for r in seen if r[canonical] == value), {})
    asked = [name for name in one.values if name in desk.carried(kind)]
    return all(found.get(name) == one.values[name] for name in asked)


def _routes(told: Told, scene: Scene, expected: list[Expected], late: list[Expected]) -> None:
    """Say which ways the day's edits went with one sync."""
    sides = [SHOP, *(desk.name for desk in scene.desks)]
    for where in sides:
        arrived = [one.what for one in expected if one.where == where and one not in late]
        others = ", ".join(side for side in sides if side != where)
        if arrived:
            counted = ", ".join(dict.fromkeys(arrived))
            told.tell("second sync", f"{where} → {others}", f"{counted} arrived everywhere")


def spoil(desk: Desk, plant: Plant) -> None:
    """Spoil one record behind the engine's back, after its last look."""
    if plant == "lose":
        desk.remove("membership", desk.records("membership")[0])
    elif plant == "duplicate":
        desk.copy("feedback", desk.records("feedback")[0])
    else:
        desk.edit("customer", desk.records("customer")[0], {"address.city": "别处"})


def _report(told: Told, chapter: str, report: RunReport) -> None:
    for one in report.passes:
        counts = {name: n for name, n in one.counts.as_dict().items() if n}
        said = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in counts.items())
        told.tell(chapter, f"{one.connection}/{one.kind}", said or "nothing to do")
    for error in report.errors:
        told.tell(chapter, "stopped", error.sentence)


def _writes(report: RunReport) -> int:
    return sum(p.counts.written for p in report.passes)


def _verdict(
    told: Told,
    compared: list[Compared],
    missed: list[Expected],
    late: list[Expected],
    reports: tuple[RunReport, RunReport, RunReport],
) -> None:
    last = reports[-1]
    for note in [note for one in compared for note in one.notes[:20]]:
        told.tell("compare", "differs", note)
    for one in missed:
        told.tell("compare", "edit lost", f"{one.what} ({one.where})")
    for one in late:
        told.tell("compare", "edit late", f"{one.what} ({one.where}): not with the second sync")
    figures = {
        "lost": sum(one.lost for one in compared),
        "duplicated": sum(one.duplicated for one in compared),
        "diverged": sum(one.diverged for one in compared),
        "edits_lost": len(missed),
        "edits_late": len(late),
        "conflicts": last.conflicts,
        "letters": last.letters,
        "third_sync_writes": _writes(last),
    }
    good = not any(figures.values()) and all(report.exit == 0 for report in reports)
    told.figures = {
        "converged": good,
        **figures,
        "records": sum(one.records for one in compared),
        "vendors": len(compared),
    }
    told.tell("compare", "all", "all sides agree" if good else "the sides differ")
