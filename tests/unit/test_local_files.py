"""Files as a source: every sort of bad row is told with its line, and none of its values is."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.errors import LocalError, SchemaDriftError, SettingsError
from connector.local.contract import LocalWrite, RowState
from connector.local.files import FileLocal, KindFile
from connector.local.lines import MOST_BYTES
from connector.local.shapes import Condition
from connector.plugin import Kind, Op, Outcome

C = Kind.CUSTOMER
COLUMNS = ("name", "email")
SECRET = "Zoe-Planted"
"""No message may hold it."""


class Shelf:
    """One file of customers, written anew as often as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[FileLocal] = []

    def open(self, content: bytes | str, name: str = "customers.csv", **more: Any) -> FileLocal:
        raw = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(raw)
        local = FileLocal({C: KindFile(self.folder / name, **more)})
        self.opened.append(local)
        local.observe(C, COLUMNS)
        return local


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    for local in shelf.opened:
        local.close()


def rows(local: FileLocal) -> dict[str, Mapping[str, Any]]:
    return {row.key: row.values for row in local.scan(C, None, 1000)}


def bad(local: FileLocal) -> list[tuple[int, str]]:
    found = list(local.bad_rows(C))
    assert SECRET not in str(found)
    return [(one.line, one.code) for one in found]


HEAD = "id,name,email\n"

# --- encodings ------------------------------------------------------------------------------------

PEOPLE = "id,name,email\n7,王小明,wang@example.test\n8,张伟,zhang@example.test\n"
READ = {
    "7": {"name": "王小明", "email": "wang@example.test"},
    "8": {"name": "张伟", "email": "zhang@example.test"},
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", b""), ("utf-8", codecs.BOM_UTF8), ("gb18030", b"")]
)
def test_each_encoding_is_read(shelf: Shelf, encoding: str, mark: bytes, end: str) -> None:
    raw = mark + PEOPLE.replace("\n", end).encode(encoding)
    assert rows(shelf.open(raw, encoding=encoding)) == READ


def test_gb18030_told_as_utf8_is_named_by_line_and_byte(shelf: Shelf) -> None:
    raw = PEOPLE.encode("gb18030")
    local = shelf.open(raw)
    assert bad(local) == [(2, "encoding"), (3, "encoding")]
    first = next(iter(local.bad_rows(C)))
    assert f"not UTF-8 at byte {raw.index('王'.encode('gb18030'))} of the file" in first.text


def test_utf8_told_as_gb18030_is_refused_whole(shelf: Shelf) -> None:
    local = shelf.open("id,name,email\n7,王小明好,a@example.test\n", encoding="gb18030")
    with pytest.raises(SettingsError, match="UTF-8 from end to end"):
        rows(local)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf16_is_refused(shelf: Shelf, mark: bytes) -> None:
    with pytest.raises(SettingsError, match="UTF-16"):
        shelf.open(mark + PEOPLE.encode("utf-16-le"))


def test_a_utf8_mark_before_gb18030_is_refused(shelf: Shelf) -> None:
    with pytest.raises(SettingsError, match="mark of UTF-8"):
        shelf.open(codecs.BOM_UTF8 + PEOPLE.encode(), encoding="gb18030")


# --- CSV ------------------------------------------------------------------------------------------

CSV_FAULTS: Mapping[str, tuple[str | bytes, Sequence[tuple[int, str]]]] = {
    "too few fields": (f"1,{SECRET}\n2,Bo,b@example.test\n", [(2, "fields")]),
    "too many fields": (f"1,{SECRET},a@example.test,x\n2,Bo,b@example.test\n", [(2, "fields")]),
    "no key": (f" ,{SECRET},a@example.test\n2,Bo,b@example.test\n", [(2, "key_empty")]),
    "one key twice": (
        f"1,{SECRET},a@example.test\n2,Bo,b@example.test\n1,{SECRET},c@example.test\n",
        [(2, "key_twice"), (4, "key_twice")],
    ),
    "one key three times": (
        "1,A,\n2,Bo,b@example.test\n1,A,\n1,A,\n",
        [(2, "key_twice"), (4, "key_twice"), (5, "key_twice")],
    ),
    "a NUL": (f"1,{SECRET}\0,a@example.test\n2,Bo,b@example.test\n", [(2, "nul")]),
    "another encoding in one line": (
        b"1,\xcd\xf5,a@example.test\n2,Bo,b@example.test\n",
        [(2, "encoding")],
    ),
    "a line too long": (
        "1," + "x" * (MOST_BYTES + 9) + ",\n2,Bo,b@example.test\n",
        [(2, "too_long")],
    ),
    "a field too long": ("1," + "x" * 200_000 + ",\n2,Bo,b@example.test\n", [(2, "too_long")]),
    "a bare carriage return": ("1,A\rB,a@example.test\n2,Bo,b@example.test\n", [(2, "quotes")]),
    "a quote inside a text": (
        f'1,"{SECRET} "the cat"",a@example.test\n2,Bo,b@example.test\n',
        [(2, "quotes")],
    ),
    "a bad line inside a text": (
        b'1,"A\n\xff\n3,B,c@example.test\n",a@example.test\n2,Bo,b@example.test\n',
        [(2, "encoding")],
    ),
    "a bad line that opens a text": (
        b'1,"\xff\n3,B,c@example.test\n",a@example.test\n2,Bo,b@example.test\n',
        [(2, "encoding")],
    ),
    "a bad line that closes a text": (
        b'1,"A\n\xff",a@example.test\n2,Bo,b@example.test\n',
        [(2, "encoding")],
    ),
    "a long line inside a text": (
        '1,"A\n' + "x" * (MOST_BYTES + 9) + '\n3,B,c@example.test\n",a@example.test\n',
        [(2, "quotes")],
    ),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_each_bad_row_is_told_with_its_line_and_the_others_go(shelf: Shelf, fault: str) -> None:
    body, told = CSV_FAULTS[fault]
    raw = HEAD.encode() + (body if isinstance(body, bytes) else body.encode())
    local = shelf.open(raw)
    assert bad(local) == told
    found = rows(local)
    assert set(found) <= {"2"}
    if b"\n2,Bo" in raw:
        assert found == {"2": {"name": "Bo", "email": "b@example.test"}}


def test_lines_are_counted_through_quoted_line_ends(shelf: Shelf) -> None:
    body = '1,"A\r\nB\nC",a@example.test\n2,Bo\n\n"3","C ""x""",\n3,"D\nE",\n'
    local = shelf.open(HEAD + body)
    assert rows(local) == {"1": {"name": "A\r\nB\nC", "email": "a@example.test"}}
    told = list(local.bad_rows(C))
    assert [(one.line, one.last, one.code) for one in told] == [
        (5, None, "fields"),
        (7, None, "key_twice"),
        (8, 9, "key_twice"),
    ]
    assert told[1].text == "its key stands on line 8 too"
    assert told[2].text == "its key stands on line 7 too"


def test_nothing_behind_a_quote_that_stays_open_is_taken_for_a_row(shelf: Shelf) -> None:
    body = '1,Ann,a@example.test\n2,"Bo,b@example.test\n3,Cy,c@example.test\n'
    local = shelf.open(HEAD + body)
    assert bad(local) == [(3, "quotes")]
    assert set(rows(local)) == {"1"}


def test_with_an_odd_number_of_quotes_the_next_line_is_not_taken_for_a_row(shelf: Shelf) -> None:
    body = '1,"Ann "x, and\n9,Evil,e@example.test\n",a@example.test\n'
    local = shelf.open(HEAD + body)
    assert bad(local) == [(2, "quotes")]
    assert rows(local) == {}
    assert "were not read" in next(iter(local.bad_rows(C))).text


def test_an_open_quote_is_not_followed_for_ever(shelf: Shelf) -> None:
    line = "2," + "x" * 1000 + ",b@example.test\n"
    local = shelf.open(HEAD + '1,"Ann,a@example.test\n' + line * 3000)
    assert bad(local) == [(2, "quotes")]


def test_a_delimiter_of_ones_own_and_empty_cells(shelf: Shelf) -> None:
    local = shelf.open("id;name;email\n1;;a@example.test\n", delimiter=";")
    assert rows(local) == {"1": {"name": None, "email": "a@example.test"}}


def test_a_column_that_is_not_there_stops_before_anything_is_read(shelf: Shelf) -> None:
    with pytest.raises(SchemaDriftError, match=r"customers\.csv:1: there is no column email"):
        shelf.open("id,name\n1,A\n")


@pytest.mark.parametrize(
    ("head", "said"),
    [("", "is empty"), ("id,name,name\n", "twice"), ('id,"name\n', "header cannot be read")],
)
def test_a_header_that_cannot_be_used_is_refused(shelf: Shelf, head: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        shelf.open(head)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    local = FileLocal({C: KindFile(tmp_path / "customers.csv")})
    with pytest.raises(SettingsError, match=r"There is no file customers\.csv"):
        local.observe(C, COLUMNS)


# --- JSON Lines -----------------------------------------------------------------------------------

GOOD = json.dumps({"id": 2, "name": "Bo", "email": None})
JSON_FAULTS: Mapping[str, tuple[str, str]] = {
    "no JSON": (f'{{"id": 1, "name": {SECRET}}}', "json"),
    "no object": (f'["{SECRET}"]', "json"),
    "a key twice": (f'{{"id": 1, "name": "{SECRET}", "name": "B", "email": null}}', "json"),
    "NaN": ('{"id": 1, "name": NaN, "email": null}', "json"),
    "endless nesting": ('{"id": 1, "name": ' + "[" * 100_000, "json"),
    "a number beyond bounds": ('{"id": ' + "9" * 5000 + "}", "json"),
    "a column is missing": (f'{{"id": 1, "name": "{SECRET}"}}', "missing"),
    "no key": (f'{{"name": "{SECRET}", "email": null}}', "missing"),
    "an empty key": ('{"id": null, "name": "A", "email": null}', "key_empty"),
    "a key that is a number with a point": ('{"id": 1.5, "name": "A", "email": null}', "key"),
    "a key that is true": ('{"id": true, "name": "A", "email": null}', "key"),
    "a key with a NUL": ('{"id": "\\u0000", "name": "A", "email": null}', "key"),
    "half a character in a key": ('{"id": "\\ud800", "name": "A", "email": null}', "key"),
    "a list for a value": (f'{{"id": 1, "name": ["{SECRET}"], "email": null}}', "nested"),
}


@pytest.mark.parametrize("fault", JSON_FAULTS)
def test_each_bad_line_of_json_is_told_and_the_others_go(shelf: Shelf, fault: str) -> None:
    line, code = JSON_FAULTS[fault]
    local = shelf.open(f"\n{line}\n{GOOD}\n", "customers.jsonl")
    assert bad(local) == [(2, code)]
    assert rows(local) == {"2": {"name": "Bo", "email": None}}


def test_json_lines_in_gb18030(shelf: Shelf) -> None:
    line = json.dumps({"id": "7", "name": "王小明", "email": None}, ensure_ascii=False)
    local = shelf.open(line.encode("gb18030"), "customers.jsonl", encoding="gb18030")
    assert rows(local) == {"7": {"name": "王小明", "email": None}}


# --- as the engine uses it ------------------------------------------------------------------------


def test_rows_come_in_the_order_of_their_keys_a_page_at_a_time(shelf: Shelf) -> None:
    local = shelf.open(HEAD + "".join(f"{n},N{n},\n" for n in range(25)))
    seen: list[str] = []
    while page := local.scan(C, seen[-1] if seen else None, 10):
        seen += [row.key for row in page]
    assert seen == sorted(str(n) for n in range(25))


def test_a_file_that_changes_while_it_is_read_is_never_half_read(shelf: Shelf) -> None:
    local = shelf.open(HEAD + "1,Ann,a@example.test\n")
    rows(local)
    (shelf.folder / "customers.csv").write_text(HEAD + "1,Eve,e@example.test\n")
    with pytest.raises(LocalError, match=r"customers\.csv:2: the file changed"):
        local.read(C, ["1"])
    local.look_anew()
    assert local.read(C, ["1"])["1"].values["name"] == "Eve"


def test_a_file_that_is_replaced_while_it_is_read_stays_the_one_that_was_opened(
    shelf: Shelf,
) -> None:
    local = shelf.open(HEAD + "1,Ann,a@example.test\n")
    rows(local)
    (shelf.folder / "new").write_text(HEAD + "1,Eve,e@example.test\n")
    (shelf.folder / "new").replace(shelf.folder / "customers.csv")
    assert local.read(C, ["1"])["1"].values["name"] == "Ann"


def test_a_row_that_vanished_was_not_deleted_unless_the_file_is_a_mirror(shelf: Shelf) -> None:
    text = HEAD + "1,Ann,\n1,Ann,\n2,Bo,\n"
    assert shelf.open(text).gone(C, ["1", "9"]) == set()
    assert shelf.open(text, mirror=True).gone(C, ["1", "9"]) == {"9"}


def test_while_any_bad_row_may_be_it_no_row_is_gone(shelf: Shelf) -> None:
    assert shelf.open(HEAD + "1,Ann\n", mirror=True).gone(C, ["9"]) == set()


def test_where_and_deleted_compare_text_with_numbers(shelf: Shelf) -> None:
    local = shelf.open(
        "id,name,email,state\n1,A,,1\n2,B,,9\n3,C,,x\n4,D,,\n",
        where=Condition("state", "not_in", [9]),
        deleted=Condition("state", "equals", "x"),
    )
    found = {row.key: row.state for row in local.scan(C, None, 10)}
    assert found == {
        "1": RowState.LIVE,
        "2": RowState.OUT,
        "3": RowState.DELETED,
        "4": RowState.LIVE,
    }


def test_where_and_deleted_know_an_empty_cell_and_a_true(shelf: Shelf) -> None:
    rows_ = (("1", "a@example.test", False), ("2", None, False), ("3", "c@example.test", True))
    lines = [{"id": k, "name": "N", "email": mail, "dead": dead} for k, mail, dead in rows_]
    local = shelf.open(
        "\n".join(map(json.dumps, lines)),
        "customers.jsonl",
        where=Condition("email", "is_null", False),
        deleted=Condition("dead", "equals", True),
    )
    found = [row.state for row in local.scan(C, None, 10)]
    assert found == [RowState.LIVE, RowState.OUT, RowState.DELETED]


@pytest.mark.parametrize(("yes", "no"), [("true", "false"), ("TRUE", "FALSE"), ("1", "0")])
def test_a_true_is_known_in_each_spelling_that_programs_export(
    shelf: Shelf, yes: str, no: str
) -> None:
    text = f"{HEAD.strip()},dead\n1,A,,{yes}\n2,B,,{no}\n3,C,,\n"
    found = shelf.open(text, deleted=Condition("dead", "equals", True)).scan(C, None, 10)
    assert [row.state for row in found] == [RowState.DELETED, RowState.LIVE, RowState.LIVE]
    inside = shelf.open(text, where=Condition("dead", "in", [False])).scan(C, None, 10)
    assert [row.state for row in inside] == [RowState.OUT, RowState.LIVE, RowState.OUT]


def test_a_key_of_several_columns_is_written_as_that_of_a_table(shelf: Shelf) -> None:
    local = shelf.open("shop,no,name,email\na/b,7,Ann,\n", key=("shop", "no"))
    assert set(rows(local)) == {"a%2Fb/7"}


def test_a_file_is_never_written(shelf: Shelf) -> None:
    local = shelf.open(HEAD + "1,Ann,\n")
    write = LocalWrite(id="w", op=Op.UPDATE, key="1", values={"name": "Eve"}, old={})
    assert [one.outcome for one in local.write(C, [write])] == [Outcome.REFUSED]
    assert "Eve" not in (shelf.folder / "customers.csv").read_text()
