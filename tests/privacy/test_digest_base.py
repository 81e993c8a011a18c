"""`base: digest`: the state keeps digests in place of a class's texts, and decides as with them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.local.contract import Row
from connector.mapping.translate import Pair
from connector.plugin import Ref, Seen
from connector.store import tables as t
from connector.store.erasing import sealed_documents
from connector.store.links import Link
from connector.sync.decision import KindRules, Situation
from connector.sync.documents import Base
from connector.sync.plan import decide
from tests.privacy.kept import TITLED, Kept
from tests.scenery import SCHEMAS, load_mappings
from tests.story import F, telling

VALUES = TITLED
DIGEST = TITLED.replace(
    "text.body: {personal: true, store: seal}",
    "text.body: {personal: true, store: seal, base: digest}",
)
MARKER = "CNRY-digest-7141"


class Remarks(Kept):
    """Feedback whose text is kept as its class says."""

    def __init__(self, folder: Path, policy: str = DIGEST, **how: Any) -> None:
        super().__init__(folder, "", **{"others": {}, **how})
        self.rule(policy)

    def begin(self, body: str = f"{MARKER} one") -> int:
        client = self.person("王伟", mail="w@example.test")
        number = self.remark(client, body, None, score=1)
        self.settle()
        assert self.bodies() == [body]
        return number

    def edit_there(self, **fields: Any) -> None:
        [one] = self.vendor.dump(F)
        self.vendor.edit(F, one["ref"], fields)

    def edit_here(self, number: int, body: str | None) -> None:
        self.sql("UPDATE remarks SET body = :b WHERE id = :n", b=body, n=number)

    def writes(self) -> int:
        return self.vendor.calls["update"] + self.vendor.calls["create"]

    def opened(self) -> list[bytes]:
        """Every document of the state, opened with all keys, and every other value in it."""
        found: list[bytes] = []
        with self.state_engine.connect() as tx:
            tx = tx.execution_options(reading=True)
            rows = {row.id: row for row in tx.execute(sa.select(t.link))}
            for link in rows.values():
                if link.base is not None:
                    where = ("base", link.kind, link.subject, link.id)
                    found.append(self.vault.open(*where, link.base))
            for link_id, kind, name, sealed in sealed_documents(tx, list(rows)):
                found.append(self.vault.open(name, kind, rows[link_id].subject, link_id, sealed))
            for row in tx.execute(sa.select(t.staged).where(t.staged.c.payload.is_not(None))):
                where = (row.connection, row.kind, row.side, row.record)
                found.append(self.vault.open_staged(*where, row.payload))
            for table in t.metadata.sorted_tables:
                for one in tx.execute(sa.select(table)):
                    found += [v.encode() for v in one if isinstance(v, str)]
        return found

    def holds(self, text: str) -> bool:
        return any(text.encode() in one for one in self.opened())


@pytest.fixture
def remarks(tmp_path: Path) -> Iterator[Callable[..., Remarks]]:
    yield from telling(tmp_path, lambda policy=DIGEST, **how: Remarks(policy=policy, **how))


Make = Callable[..., Remarks]


def test_the_text_is_nowhere_in_the_state_even_opened_with_all_keys(remarks: Make) -> None:
    story = remarks()
    number = story.begin()
    assert not story.holds(MARKER)
    story.edit_here(number, f"{MARKER} two")
    story.settle()
    story.edit_there(Body=f"{MARKER} three")
    story.settle()
    assert story.row(number)["body"] == f"{MARKER} three"
    story.edit_here(number, f"{MARKER} here")
    story.edit_there(Body=f"{MARKER} there")
    assert story.settle().conflicts == 1
    assert not story.holds(MARKER)
    plain = remarks(VALUES)
    plain.begin()
    assert plain.holds(MARKER), "the look finds what is there to be found"


def test_a_conflict_shows_that_nothing_was_kept_and_a_choice_is_carried_out(remarks: Make) -> None:
    story = remarks()
    number = story.begin()
    story.edit_here(number, "here")
    story.edit_there(Body="there")
    story.settle()
    review = story.review()
    [one] = review.conflicts()
    shown = review.conflict(one.id, show=True)
    assert {shown.local["text"], shown.remote["text"], shown.base["text"]} == {"not kept"}
    assert story.settle().conflicts == 1 and review.conflicts()[0].id == one.id
    review.resolve(one.id, "remote")
    story.settle()
    assert story.row(number)["body"] == "there" and not story.holds("here")
    assert review.conflicts() == []


def test_switching_to_digests_and_back_loses_no_edit_and_writes_nothing(remarks: Make) -> None:
    story = remarks(VALUES)
    number = story.begin()
    assert story.holds(MARKER)
    before = story.writes()
    story.rule(DIGEST)
    story.settle()
    assert not story.holds(MARKER), "what is there already is not kept either"
    story.rule(VALUES)
    story.settle()
    assert story.holds(MARKER) and story.writes() == before
    for policy in (DIGEST, VALUES):
        story.rule(policy)
        story.edit_here(number, f"edited before {policy == DIGEST}")
        story.settle()
        assert story.bodies() == [f"edited before {policy == DIGEST}"]
        story.edit_there(Body=f"there before {policy == DIGEST}")
        story.rule(DIGEST if policy == VALUES else VALUES)
        story.settle()
        assert story.row(number)["body"] == f"there before {policy == DIGEST}"


def test_a_mapping_change_reads_again_and_takes_nothing_for_an_edit(remarks: Make) -> None:
    story = remarks()
    number = story.begin("ab cd")
    before = story.writes()
    local, remote = story.mappings
    story.mappings = relensed(local), remote
    story.settle()
    assert story.settle().conflicts == 0 and story.writes() == before
    assert story.row(number)["body"] == "ab cd" and story.bodies() == ["ab cd"]
    story.edit_there(Body="ab ef")
    story.settle()
    assert story.row(number)["body"] == "ab ef"
    story.mappings = local, remote
    story.edit_here(number, "edited meanwhile")
    story.settle()
    assert story.bodies() == ["edited meanwhile"]


def relensed(local: Any) -> Any:
    """The shop's mapping with another type in the line of the text."""
    one = local[F]
    rules = tuple(
        replace(rule, vendor_normalises=True) if rule.canonical == "text" else rule
        for rule in one.rules
    )
    return {**local, F: replace(one, rules=rules)}


def test_what_is_sent_in_place_of_a_text_is_not_kept_either(remarks: Make) -> None:
    scan = DIGEST.replace("base: digest}", "base: digest, scan: [phone]}")
    story = remarks(scan)
    number = story.remark(story.person("王伟"), f"{MARKER} call 13800000007", None)
    story.settle()
    [there] = story.bodies()
    assert MARKER in there and "13800000007" not in there and not story.holds(MARKER)
    before = story.writes()
    story.edit_there(Score=4)
    story.settle()
    assert story.writes() == before and story.row(number)["score"] == 4
    story.edit_here(number, f"{MARKER} again")
    story.settle()
    assert story.bodies() == [f"{MARKER} again"] and not story.holds(MARKER)


def test_a_letter_keeps_no_text(remarks: Make) -> None:
    story = remarks()
    number = story.begin()
    story.sql(
        "CREATE TRIGGER closed BEFORE UPDATE OF body ON remarks"
        " BEGIN SELECT RAISE(ABORT, 'closed'); END"
    )
    story.edit_there(Body=f"{MARKER} two")
    assert story.settle().letters == 1 and not story.holds(MARKER)
    story.sql("DROP TRIGGER closed")
    review = story.review()
    review.retry(review.letters()[0].id)
    story.settle()
    assert story.row(number)["body"] == f"{MARKER} two" and not review.letters()


def test_a_quiet_run_finds_nothing_new(remarks: Make) -> None:
    story = remarks()
    story.begin()
    story.later(hours=30)
    report = story.settle()
    assert not any(p.counts.silent or p.counts.written for p in report.passes)
    calls = story.vendor.calls["fetch"]
    story.settle()
    assert story.vendor.calls["fetch"] == calls


EDITS = (("here", "b"), ("both", "a"), ("there", ""), ("here", " b "), ("score", "a"), ("here", ""))


def test_a_sequence_of_edits_ends_as_with_values(remarks: Make) -> None:
    ends = []
    for policy in (VALUES, DIGEST):
        story = remarks(policy)
        number = story.begin("first")
        told: list[tuple[Any, ...]] = []
        for where, text in EDITS:
            if where in ("here", "both"):
                story.edit_here(number, text)
            if where in ("there", "both"):
                story.edit_there(Body=f"{text}x" if where == "both" else text)
            if where == "score":
                story.edit_there(Score=7)
            story.later(seconds=300)
            report = story.run()
            told.append((story.row(number)["body"], story.bodies(), report.conflicts))
        told.append((story.writes(), story.causes("conflict"), story.causes("local_edit")))
        ends.append(told)
    assert ends[0] == ends[1]


# --- decided alike --------------------------------------------------------------------------------

LINE = "  text: {field: Body, lens: text, policy: manual"
LOCAL, REMOTE = load_mappings({LINE: f"{LINE}, vendor_normalises: true"})
PAIR = Pair(
    LOCAL[F],
    REMOTE[F],
    zone="Asia/Shanghai",
    phone_region="CN",
    schema=SCHEMAS[F],
    mark=lambda salt, name, data: hashlib.sha256(f"{salt}/{name}/".encode() + data).hexdigest(),
    digested=("text", "title"),
)
TEXTS = st.sampled_from(
    (None, "", "a", "a ", "a\r\n", " a ", "A", "b", "b\n", "x" * 2001, "é", "e\u0301")
)
SIDE = st.fixed_dictionaries(
    {"title": TEXTS, "body": TEXTS, "score": st.sampled_from((None, 1, 2))}
)
NAMES = {"title": "Name", "body": "Body", "score": "Score"}


def theirs(own: dict[str, Any]) -> dict[str, Any]:
    return {NAMES[name]: value for name, value in own.items()}


@settings(max_examples=300, deadline=None)
@given(SIDE, SIDE, SIDE, st.none() | SIDE)
def test_digests_decide_as_values_do(
    was_here: dict[str, Any], was_there: dict[str, Any], here: dict[str, Any], there: Any
) -> None:
    link = Link("l" * 32, "crm", F, local_id="1", remote_id="r", state="active")
    base = Base(was_here, theirs(was_there))
    told = []
    for kept in (base, Base.unpack(base.kept(PAIR.digests, link.id).pack())):
        seen = there and Seen(ref=Ref("r"), version="2", changed_at=None, fields=theirs(there))
        found = decide(PAIR, KindRules(), Situation(link, kept, Row("1", here), seen))
        drafts = [(d.side, d.set) for d in found.drafts]
        clashes = [(c.field, c.local, c.remote if there else None) for c in found.clashes]
        after = found.base.kept(PAIR.digests, link.id) if found.base is not None else None
        told.append((drafts, clashes, found.moves, after))
    assert told[0] == told[1]
