"""Names of persons between two mappings: whole, in parts, and only shown."""

from pathlib import Path

from connector.mapping.translate import Pair
from connector.plugin import FieldInfo
from tests.unit.mapping_rig import pair, schema


def test_a_full_name_needs_both_parts_and_is_never_taken_apart(tmp_path: Path) -> None:
    it = pair(tmp_path)
    assert it.read_remote({"Last": "诸葛", "First": "亮"}) == {"names.full": "诸葛亮"}
    assert it.read_remote({"Last": "O'Neill", "First": "Ana"}) == {"names.full": "Ana O'Neill"}
    assert it.read_remote({"Last": "李", "First": "Anna"}) == {"names.full": "Anna 李"}
    assert it.read_remote({"Last": "欧阳", "First": None}) == {"names.full": "欧阳"}
    assert it.read_remote({"Last": "欧阳"}) == {}
    assert it.write_local({"names.full": "诸葛亮"}).fields == {"name": "诸葛亮"}


def test_a_full_name_from_the_vendor_goes_whole_into_the_family_name(tmp_path: Path) -> None:
    it = pair(
        tmp_path,
        local="  names.family: {column: family, lens: text}\n"
        "  names.given: {column: given, lens: text}\n",
        vendor="  names.full: {field: Name, lens: text}\n",
        match="[]",
    )
    assert it.write_local({"names.full": "司马相如"}).fields == {
        "family": "司马相如",
        "given": None,
    }
    assert it.read_local({"family": "司马", "given": "相如"}) == {"names.full": "司马相如"}
    assert it.write_remote({"names.full": "司马相如"}).fields == {"Name": "司马相如"}
    assert it.columns == ("family", "given")


def test_parts_on_both_sides_stay_parts(tmp_path: Path) -> None:
    parts = "  names.family: {KEY: f, lens: text}\n  names.given: {KEY: g, lens: text}\n"
    full = "  names.full: {column: n, lens: text, direction: push}\n"
    it = pair(
        tmp_path,
        local=parts.replace("KEY", "column") + full,
        vendor=parts.replace("KEY", "field"),
        match="[]",
    )
    [unit] = it.units
    assert unit.fields == ("names.family", "names.given")
    assert it.read_local({"f": "欧阳", "g": "娜娜", "n": "x"}) == {
        "names.family": "欧阳",
        "names.given": "娜娜",
    }


def shown(tmp_path: Path, *, length: int = 100) -> Pair:
    """A vendor with a mandatory full name that is only shown beside its parts."""
    parts = "  names.family: {KEY: f, lens: text}\n  names.given: {KEY: g, lens: text}\n"
    infos = [FieldInfo(name=name, type="text") for name in ("f", "g")]
    whole = FieldInfo(name="n", type="text", required=True, max_length=length)
    return pair(
        tmp_path,
        local=parts.replace("KEY", "column"),
        vendor="  names.full: {field: n, lens: text, direction: push}\n"
        + parts.replace("KEY", "field"),
        schema=schema(*infos, whole),
        match="[]",
    )


def test_a_full_name_that_is_only_shown_is_written_from_its_parts(tmp_path: Path) -> None:
    it = shown(tmp_path)
    [unit] = it.units
    assert unit.fields == ("names.family", "names.given")
    written = it.write_remote({"names.family": "欧阳", "names.given": "娜娜"}, create=True)
    assert (written.fields, written.faults) == ({"f": "欧阳", "g": "娜娜", "n": "欧阳娜娜"}, ())
    written = it.write_remote({"names.family": "上官", "names.given": None})
    assert written.fields == {"f": "上官", "g": None, "n": "上官"}
    assert it.read_remote({"f": "欧阳", "g": "娜娜", "n": "某人"}) == {
        "names.family": "欧阳",
        "names.given": "娜娜",
    }
    assert it.remote_fields == ("f", "g")


def test_a_shown_name_that_does_not_fit_holds_back_its_parts(tmp_path: Path) -> None:
    it = shown(tmp_path, length=3)
    written = it.write_remote({"names.family": "欧阳", "names.given": "娜娜"})
    assert written.fields == {}
    assert [(f.canonical, f.own, f.code) for f in written.faults] == [
        ("names.family", "n", "too_long")
    ]
    written = it.write_remote({"names.family": None, "names.given": None}, create=True)
    assert [(f.own, f.code, f.mandatory) for f in written.faults] == [("n", "required", True)]


def test_a_part_alone_says_nothing_of_the_shown_name(tmp_path: Path) -> None:
    assert shown(tmp_path).write_remote({"names.given": "娜娜"}).fields == {"g": "娜娜"}
