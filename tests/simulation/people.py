"""The people of a story, at the shop and at each vendor; every edit has a tag of its own."""

from __future__ import annotations

from typing import Any

from connector.plugin import Ref
from tests.simulation.ground import Ground
from tests.story import F, M

COLUMNS = ("full_name", "job", "street")
"""Columns of a customer that people edit."""


class People(Ground):
    """What people do. A step that finds nobody to do it to does nothing."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.people_made = 0
        self.row_of: dict[str, int] = {}
        """People whom the shop made, and their rows."""
        self.households: list[set[str]] = []
        """People who share a phone."""
        self.said: list[str] = []
        """What the step that is played did, for a person to read."""

    def say(self, *words: str) -> None:
        self.said.append(" ".join(words))

    # --- who is there -----------------------------------------------------------------------------

    def somewhere(self) -> str:
        return self.dice.choice(sorted(self.houses))

    def shop_rows(self) -> dict[str, Any]:
        """The shop's live rows by person."""
        rows = self.sql("SELECT * FROM clients WHERE is_deleted = 0 ORDER BY no")
        return {row["mail"].partition("@")[0]: row for row in rows if row["mail"]}

    def vendor_records(self, name: str) -> dict[str, dict[str, Any]]:
        """A vendor's live records by person."""
        house = self.houses[name]
        return {
            d["fields"][house.mail].partition("@")[0]: d
            for d in house.dump()
            if d["fields"].get(house.mail)
        }

    def mixed_up(self) -> set[str]:
        """Households of which one was deleted: alone, another is rightly taken for the third."""
        gone = self.history.deleted.keys()
        return {person for house in self.households if house & gone for person in house}

    def _person(self) -> str:
        self.people_made += 1
        return f"p{self.people_made}x{self.seed}"

    def mobile_of(self, person: str) -> str:
        return f"139{int(person[1:].partition('x')[0]):08d}"

    def _tag(self, person: str) -> str:
        return f"{person}.{len(self.history.edits)}"

    def _street(self, person: str) -> str:
        # Two blanks: some vendors make one of them.
        return f"{self._tag(person)}  St "

    # --- new people -------------------------------------------------------------------------------

    def new_row(self, person: str) -> None:
        name, job = f"{person}.n0", f"{person}.j0"
        self.row_of[person] = self.client(
            name, mail=f"{person}@example.test", mobile=self.mobile_of(person), job=job
        )
        self.history.edit(person, "full_name", "shop", name, None)
        self.history.edit(person, "job", "shop", job, None)
        self.say("shop", person)

    def new_record(self, person: str, name: str) -> Ref | None:
        house, street = self.houses[name], f"{person}.s0"
        full = f"{person}.n0" if person not in self.row_of else f"{person}.n1"
        ref = house.create(
            {
                house.fields["full_name"]: full,
                house.mail: f"{person}@example.test",
                house.mobile: "+86" + self.mobile_of(person),
                house.fields["street"]: street,
            }
        )
        self.say(name, person, "" if ref else "(refused)")
        if ref is not None:
            self.history.edit(person, "full_name", name, full, None)
            self.history.edit(person, "street", name, street, None)
        return ref

    def do_new_client(self) -> None:
        self.new_row(self._person())

    def do_new_person(self) -> None:
        self.new_record(self._person(), self.somewhere())

    def do_typed_twice(self) -> None:
        """One person is typed in at the shop and at a vendor, neither knowing of the other."""
        person = self._person()
        self.new_row(person)
        self.new_record(person, self.somewhere())

    def do_household(self) -> None:
        """Three people with one phone, two of them at the vendor: nobody can say who is who."""
        name, house = self.somewhere(), []
        with self.fine():
            for _ in range(2):
                person = self._person()
                house.append(person)
                ref = self.new_record(person, name)
                assert ref is not None, "a new person is refused by no rule"
                mobile = "+86" + self.mobile_of(house[0])
                self.houses[name].edit(ref, {self.houses[name].mobile: mobile})
            # All three are seen in one run: with one of the two out of sight the other would be
            # taken for the third, rightly.
            self.later(seconds=150)
            person = self._person()
            house.append(person)
            self.new_row(person)
            mobile = self.mobile_of(house[0])
            self.sql(
                "UPDATE clients SET mobile = :m WHERE no = :n", m=mobile, n=self.row_of[person]
            )
            self.households.append(set(house))
            self.attempt()
        self.fired["fault household"] += 1

    # --- edits ------------------------------------------------------------------------------------

    def edit_shop(self, person: str, column: str, value: str | None) -> None:
        row = self.shop_rows()[person]
        self.history.edit(person, column, "shop", value, row[column])
        self.sql(f"UPDATE clients SET {column} = :v WHERE no = :n", v=value, n=row["no"])
        self.say("shop", person, column)

    def edit_vendor(self, name: str, person: str, column: str, value: str | None) -> None:
        house, record = self.houses[name], self.vendor_records(name)[person]
        field = house.fields[column]
        self.history.edit(person, column, name, value, record["fields"].get(field))
        house.edit(record["ref"], {field: value})
        self.say(name, person, column)

    def _value(self, person: str, column: str) -> str:
        return self._street(person) if column == "street" else self._tag(person)

    def do_edit_shop(self) -> None:
        if rows := self.shop_rows():
            person, column = self.dice.choice(sorted(rows)), self.dice.choice(COLUMNS)
            self.edit_shop(person, column, self._value(person, column))

    def do_edit_vendor(self, name: str | None = None) -> None:
        name = name or self.somewhere()
        if records := self.vendor_records(name):
            person, column = self.dice.choice(sorted(records)), self.dice.choice(COLUMNS)
            self.edit_vendor(name, person, column, self._value(person, column))

    def edit_meanwhile(self, name: str) -> None:
        self.do_edit_vendor(name)

    def do_edit_both(self) -> None:
        """The shop and a vendor edit one field of one person."""
        name = self.somewhere()
        both = sorted(self.shop_rows().keys() & self.vendor_records(name).keys())
        if both:
            person, column = self.dice.choice(both), self.dice.choice(COLUMNS)
            self.edit_shop(person, column, self._value(person, column))
            self.edit_vendor(name, person, column, self._value(person, column))

    def do_edit_everywhere(self) -> None:
        """Both vendors' people edit one field of one person, each without seeing the other's."""
        known = sorted(set.intersection(*(set(self.vendor_records(n)) for n in self.houses)))
        if known:
            person, column = self.dice.choice(known), self.dice.choice(COLUMNS)
            for name in self.houses:
                self.edit_vendor(name, person, column, self._value(person, column))

    def do_clear_shop(self) -> None:
        if rows := self.shop_rows():
            self.edit_shop(
                self.dice.choice(sorted(rows)), self.dice.choice(["job", "street"]), None
            )

    def do_clear_vendor(self) -> None:
        name = self.somewhere()
        if records := self.vendor_records(name):
            person = self.dice.choice(sorted(records))
            self.edit_vendor(name, person, self.dice.choice(["job", "street"]), None)

    def do_opt_out(self) -> None:
        if rows := self.shop_rows():
            person = self.dice.choice(sorted(rows))
            self.sql("UPDATE clients SET no_mail = 1 WHERE no = :n", n=rows[person]["no"])
            self.say("shop", person)

    def do_remark(self) -> None:
        if rows := self.shop_rows():
            person = self.dice.choice(sorted(rows))
            title = f"{person}.t{len(self.history.edits)}"
            self.sql(
                "INSERT INTO remarks (client, title, body) VALUES (:c, :t, 'text')",
                c=rows[person]["no"],
                t=title,
            )
            self.say("shop", person)

    def do_card(self) -> None:
        if rows := self.shop_rows():
            person = self.dice.choice(sorted(rows))
            self.sql(
                "INSERT INTO cards (client, card, kind, points) VALUES (:c, :n, '月卡', 10)",
                c=rows[person]["no"],
                n=f"{person}.c{len(self.history.edits)}",
            )
            self.say("shop", person)

    def do_touch_vendor(self) -> None:
        """Somebody works on a membership or a feedback at a vendor."""
        name, kind = self.somewhere(), self.dice.choice([M, F])
        if self.houses[name].touch(kind, self.dice, f"x{self.seed}.t{len(self.history.edits)}"):
            self.say(name, kind)

    # --- deletions --------------------------------------------------------------------------------

    def do_delete_shop(self) -> None:
        if rows := self.shop_rows():
            person = self.dice.choice(sorted(rows))
            self.history.delete(person, "shop", {c: rows[person][c] for c in COLUMNS})
            self.sql("UPDATE clients SET is_deleted = 1 WHERE no = :n", n=rows[person]["no"])
            self.say("shop", person)

    def do_delete_vendor(self) -> None:
        name = self.somewhere()
        if records := self.vendor_records(name):
            person = self.dice.choice(sorted(records))
            held, fields = records[person]["fields"], self.houses[name].fields
            self.history.delete(person, name, {c: held.get(fields[c]) for c in COLUMNS})
            self.houses[name].remove(records[person]["ref"])
            self.say(name, person)

    def do_merge_vendor(self) -> None:
        """Somebody makes a person's record anew and merges the old one into it."""
        name = self.somewhere()
        records = self.vendor_records(name)
        if records:
            person = self.dice.choice(sorted(records))
            if self.houses[name].merge(records[person]["ref"]):
                self.fired["fault merge"] += 1
                # What the other record lacks may be what somebody emptied or what it never had.
                self.history.forget_clears({person}, name)
                self.say(name, person)

    def may_come_back(self, name: str, ref: Ref) -> bool:
        """Whether somebody may take this record out of the vendor's bin."""
        return True

    def do_restore_vendor(self) -> None:
        """Somebody takes a record out of the recycle bin again."""
        name = self.somewhere()
        house = self.houses[name]
        binned = [
            record
            for record in house.records.values()
            if record.now.state == "removed" and not record.now.by_us and house.can_restore(record)
        ]
        taken = {d["key"] for d in house.dump()}
        binned = [one for one in binned if one.now.key is None or one.now.key not in taken]
        binned = [one for one in binned if self.may_come_back(name, one.ref)]
        if binned and house.restore(self.dice.choice(binned).ref):
            self.fired["fault recycle bin"] += 1
            self.say(name)
