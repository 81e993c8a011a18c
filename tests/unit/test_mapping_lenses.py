"""Each lens keeps its laws, on tidy data and on what real tables hold."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.mapping.lens import Lens, OptionError, Refusal, Where
from connector.mapping.lenses import FITTING, LensSpec, build
from connector.mapping.phones import canonical_phone
from connector.mapping.texts import email_identity
from connector.records import CONSENT_STATES, FIELDS, Field, Kind, Value

SIDES: tuple[Literal["local", "remote"], ...] = ("local", "remote")
ZONES = ("Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC")
GENDERS = ("male", "female", "unknown")


def lens(
    name: str,
    options: Mapping[Any, Any] | None = None,
    *,
    side: Literal["local", "remote"] = "local",
    type_: str = "text",
    choices: tuple[str, ...] = (),
    zone: str = "Asia/Shanghai",
    region: str | None = "CN",
    own_type: str | None = None,
) -> Lens:
    known = Field(type_, "person.trait", None, choices)
    return build(
        LensSpec(name, options or {}), Where(side, ZoneInfo(zone), region, known, own_type)
    )


CASES: dict[str, tuple[str, Mapping[Any, Any], str, tuple[str, ...]]] = {
    "text": ("text", {}, "text", ()),
    "text none": ("text", {"none": "-"}, "text", ()),
    "email": ("email", {}, "email", ()),
    "phone": ("phone", {}, "phone", ()),
    "phone national": ("phone", {"format": "national"}, "phone", ()),
    "phone HK": ("phone", {"region": "HK"}, "phone", ()),
    "date": ("date", {}, "date", ()),
    "date format": ("date", {"format": "%d/%m/%Y"}, "date", ()),
    "datetime": ("datetime", {}, "datetime", ()),
    "datetime iso": ("datetime", {"format": "iso"}, "datetime", ()),
    "datetime aware": ("datetime", {"format": "aware", "zone": "UTC"}, "datetime", ()),
    "datetime epoch": ("datetime", {"format": "epoch_s", "none": 0}, "datetime", ()),
    "datetime ms": ("datetime", {"format": "epoch_ms"}, "datetime", ()),
    "integer": ("integer", {}, "integer", ()),
    "decimal": ("decimal", {}, "decimal", ()),
    "flag": ("flag", {}, "flag", ()),
    "flag inverted": ("flag", {True: False, False: True}, "flag", ()),
    "flag words": ("flag", {"Y": True, "N": False}, "flag", ()),
    "flag choice": ("choice", {True: "J", False: "N"}, "flag", ()),
    "consent flag": ("flag", {True: "withdrawn", False: "unknown"}, "consent", CONSENT_STATES),
    "consent yes": ("flag", {True: "granted", False: "withdrawn"}, "consent", CONSENT_STATES),
    "choice": ("choice", {"male": 1, "female": 2, "unknown": 0}, "choice", GENDERS),
    "choice refuse": ("choice", {"male": "男", "else": "refuse"}, "choice", GENDERS),
    "choice other": ("choice", {"male": "男", "else": "其他"}, "choice", GENDERS),
    "choice keep": ("choice", {"web": "网站", "else": "keep"}, "text", ()),
    "choice many": ("choice", {"male": "M", "female": "X", "unknown": "X"}, "choice", GENDERS),
    "tags": ("tags", {}, "tags", ()),
    "tags json": ("tags", {"as": "json"}, "tags", ()),
    "tags list": ("tags", {"as": "list"}, "tags", ()),
    "reference": ("reference", {"kind": "customer", "none": 0}, "reference", ()),
}

messy = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("０１２３４５６７８９＋－（） \t\r\n\x00\u3000é̈😀👨‍👩‍👧欧阳@.+-,;男女"),
    ),
    max_size=24,
)
written = st.sampled_from(
    [
        *(
            "",
            " ",
            "\u3000",
            "欧阳娜娜",
            "諸葛 亮",
            "e\u0301",
            "\u00e9",
            "x" * 300,
            "a\r\nb ",
            "\x00",
        ),
        *("13800138000", "１３８００１３８０００", "+86 138-0013-8000", "0755 8888 0000", "n/a"),
        *("85212345678", "85291234567", "91234567", "+1 (212) 555-0142", "010-5555 0101 ext 12"),
        *("Lin.Mo@Example.TEST", "lin@例え.test", "a@b@c", "lin@", " lin@example.test "),
        *(
            "2024-03-10 02:30:00",
            "2024-11-03 01:30:00",
            "2024-02-29",
            "2024/2/9 8:00",
            "0000-00-00",
        ),
        *(
            "2024-03-31T02:30:00",
            "2024-10-27T02:30:00+01:00",
            "1899-12-31",
            "9999-12-31",
            "20240131",
        ),
        *("2024-04-07 01:45:00", "2024年2月3日", "2024-01-31T10:00:00.5Z", "1920-01-01 00:00:00"),
        *(
            "1",
            "0",
            "-1",
            "1.50",
            "1e5",
            "nan",
            "Infinity",
            "99999999999999999999",
            "٣",
            "true",
            "否",
        ),
        *(
            "男",
            "女",
            "其他",
            "male",
            "Y",
            "X",
            "web",
            "网站",
            "a,b",
            ' b , a,"',
            '["a", null, 1]',
            "[",
        ),
        *("007", "0", "4400000000000000123"),
    ]
)
own_values: st.SearchStrategy[Any] = st.one_of(
    written,
    messy,
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 3),
    st.floats(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([ZoneInfo(zone) for zone in ZONES])),
    st.binary(max_size=4),
    st.lists(written, max_size=3),
    st.fixed_dictionaries({"id": written, "name": written}),
)
moments = st.integers(-2_177_452_800, 7_226_582_400).map(  # the years 1901 to 2198
    lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
)
near_changes = st.builds(
    lambda start, minutes: start + dt.timedelta(minutes=minutes),
    st.sampled_from(
        [
            dt.datetime(2024, 3, 10, 7, tzinfo=dt.UTC),
            dt.datetime(2024, 11, 3, 6, tzinfo=dt.UTC),
            dt.datetime(2024, 3, 31, 1, tzinfo=dt.UTC),
            dt.datetime(2024, 10, 27, 1, tzinfo=dt.UTC),
            dt.datetime(2024, 4, 6, 15, tzinfo=dt.UTC),
            dt.datetime(1991, 9, 14, 17, tzinfo=dt.UTC),
        ]
    ),
    st.integers(-180, 180),
)
canonical_values: st.SearchStrategy[Value] = st.one_of(
    written,
    messy.filter(lambda text: bool(text.strip())),
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
    ),
    st.dates(dt.date(1800, 1, 1), dt.date(2300, 1, 1)),
    moments,
    near_changes,
    st.frozensets(written, min_size=1, max_size=3),
    st.sampled_from(GENDERS + CONSENT_STATES),
)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=60, deadline=None)
@given(own=own_values, zone=st.sampled_from(ZONES))
def test_reading_never_raises_and_writing_it_back_keeps_the_value(
    case: str, side: Literal["local", "remote"], own: Any, zone: str
) -> None:
    name, options, type_, choices = CASES[case]
    it = lens(name, options, side=side, type_=type_, choices=choices, zone=zone)
    found = it.read(own)
    assert found != ""
    assert not (isinstance(found, str) and found.isspace())
    assert found != frozenset()
    if isinstance(found, dt.datetime):
        assert found.utcoffset() == dt.timedelta(0)
        assert found.microsecond == 0
    try:
        back = it.write(found)
    except Refusal:
        return  # left out of the write, so the other side keeps what it has
    if found is None and name == "flag" and side == "remote":
        return  # a check box that a list left out is not ticked
    assert it.read(back) == found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=60, deadline=None)
@given(value=canonical_values, zone=st.sampled_from(ZONES))
def test_what_was_written_is_a_fixed_point_after_one_step(
    case: str, side: Literal["local", "remote"], value: Value, zone: str
) -> None:
    name, options, type_, choices = CASES[case]
    it = lens(name, options, side=side, type_=type_, choices=choices, zone=zone)
    try:
        once = it.read(it.write(value))
        again = it.read(it.write(once))
    except Refusal:
        return
    assert again == once
    if it.normalise is not None:
        tidy = it.normalise(once)
        assert it.normalise(tidy) == tidy


@pytest.mark.parametrize("name", ["text", "email", "phone", "integer", "decimal", "date"])
@settings(max_examples=100, deadline=None)
@given(own=st.one_of(written, messy))
def test_the_canonical_form_is_its_own_canonical_form(name: str, own: str) -> None:
    it = lens(name, type_=name)
    once = it.read(own)
    assert it.read(once) == once


@settings(max_examples=200, deadline=None)
@given(value=st.one_of(moments, near_changes), zone=st.sampled_from(ZONES))
@example(value=dt.datetime(2024, 11, 3, 6, 30, tzinfo=dt.UTC), zone="America/New_York")
def test_a_moment_keeps_its_place_unless_the_clock_shows_it_twice(
    value: dt.datetime, zone: str
) -> None:
    naive = lens("datetime", type_="datetime", zone=zone)
    aware = lens("datetime", type_="datetime", zone=zone, side="remote")
    assert aware.read(aware.write(value)) == value
    there = value.astimezone(ZoneInfo(zone))
    if there.fold:
        with pytest.raises(Refusal) as refused:
            naive.write(value)
        assert refused.value.code == "ambiguous"
    else:
        assert naive.read(naive.write(value)) == value


def test_an_hour_that_the_clock_skips_is_read_as_if_it_were_there() -> None:
    it = lens("datetime", type_="datetime", zone="America/New_York")
    assert it.read("2024-03-10 02:30:00") == dt.datetime(2024, 3, 10, 7, 30, tzinfo=dt.UTC)
    assert it.write(it.read("2024-03-10 02:30:00")).isoformat() == "2024-03-10T03:30:00"


def test_vendor_moments_have_an_offset_and_whole_seconds() -> None:
    it = lens("datetime", type_="datetime", side="remote")
    moment = dt.datetime(2026, 1, 31, 2, 0, tzinfo=dt.UTC)
    assert it.write(moment) == "2026-01-31T10:00:00+08:00"
    old = dt.datetime(1900, 6, 1, tzinfo=dt.UTC)  # the zone's own mean time then: +08:05:43
    assert it.write(old) == "1900-06-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("own", "region", "canonical"),
    [
        ("13800138000", "CN", "+8613800138000"),
        (13800138000, "CN", "+8613800138000"),
        (13800138000.0, "CN", "+8613800138000"),
        ("１３８ ００１３ ８０００", "CN", "+8613800138000"),
        ("+86 138-0013-8000", "HK", "+8613800138000"),
        ("8613800138000", "CN", "+8613800138000"),
        ("13800138000", "HK", "13800138000"),
        ("0755-8888 0000", "CN", "+8675588880000"),
        ("91234567", "HK", "+85291234567"),
        ("85291234567", "HK", "+85291234567"),
        ("85212345678", "HK", "85212345678"),
        ("(212) 456-7890", "US", "+12124567890"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("91234567", None, "91234567"),
        ("n/a", "CN", "n/a"),
        ("010-5555 0101 ext 12", "CN", "010-5555 0101 ext 12"),
        ("  ", "CN", None),
    ],
)
def test_numbers_become_e164_and_what_is_none_stays(
    own: Any, region: str | None, canonical: str | None
) -> None:
    assert lens("phone", type_="phone", region=region).read(own) == canonical


def test_the_short_way_and_the_number_library_agree() -> None:
    for text in ("+8613800138000", "+85291234567", "+6581234567", "+886912345678"):
        spaced = f"{text[:4]} {text[4:7]} {text[7:]}"
        assert canonical_phone(text, None) == canonical_phone(spaced, None) == text


def test_national_numbers_are_written_for_columns_that_hold_such() -> None:
    it = lens("phone", {"format": "national"}, type_="phone")
    assert it.write("+8613800138000") == "13800138000"
    assert it.write("+8675588880000") == "075588880000"
    assert it.write("+85291234567") == "+85291234567"


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        ("Lin.Mo+a@Example.TEST", "lin.mo+a@example.test"),
        (" ｌｉｎ＠example.test ", "lin@example.test"),
        ("lin@例え.test", "lin@xn--r8jz45g.test"),
        ("n/a", None),
        ("a@b", None),
        ("", None),
    ],
)
def test_addresses_are_matched_by_one_form(value: str, identity: str | None) -> None:
    assert email_identity(value) == identity


def test_a_consent_box_writes_the_nearest_answer_and_never_a_weaker_one() -> None:
    box = lens(
        "flag", {True: "withdrawn", False: "unknown"}, type_="consent", choices=CONSENT_STATES
    )
    states = {state: box.write(state) for state in CONSENT_STATES}
    assert states == {"granted": False, "denied": True, "withdrawn": True, "unknown": False}
    assert (box.read(1), box.read("false"), box.read(None)) == ("withdrawn", "unknown", None)
    yes = lens(
        "flag", {True: "granted", False: "withdrawn"}, type_="consent", choices=CONSENT_STATES
    )
    assert {state for state in CONSENT_STATES if yes.write(state)} == {"granted"}
    assert yes.write(None) is None
    far = lens(
        "flag",
        {True: "granted", False: "withdrawn"},
        type_="consent",
        choices=CONSENT_STATES,
        side="remote",
    )
    assert far.write(None) is False


def test_a_vendors_check_box_is_never_empty_and_a_column_may_be() -> None:
    assert lens("flag", type_="flag", side="remote").write(None) is False
    assert lens("flag", type_="flag", side="local").write(None) is None


@pytest.mark.parametrize(
    ("own", "said"),
    [(1, True), (b"\x00", False), ("Y", True), ("否", False), (0.0, False), ("maybe", "maybe")],
)
def test_flags_are_read_in_all_their_spellings(own: Any, said: Value) -> None:
    found = lens("flag", type_="flag").read(own)
    assert (type(found), found) == (type(said), said)


def test_a_choice_outside_its_table_is_refused_kept_or_replaced() -> None:
    table = {"male": "男"}
    for other, wanted in (("keep", "female"), ("其他", "其他")):
        it = lens("choice", {**table, "else": other}, type_="choice", choices=GENDERS)
        assert it.write("female") == wanted
    it = lens("choice", {**table, "else": "refuse"}, type_="choice", choices=GENDERS)
    with pytest.raises(Refusal) as caught:
        it.write("female")
    assert caught.value.code == "refused"
    assert it.read("女") == "女"


def test_references_keep_the_shape_of_their_side() -> None:
    options = {"kind": "customer", "none": 0}
    local = lens("reference", options, type_="reference")
    assert (local.read(0), local.read(17), local.read("K-1")) == (None, "17", "K-1")
    assert (local.write("17"), local.write("K-1"), local.write("007")) == (17, "K-1", "007")
    assert local.write(None) == 0
    assert lens("reference", options, type_="reference", own_type="text").write("17") == "17"
    far = lens("reference", {"kind": "customer"}, type_="reference", side="remote")
    assert far.read({"id": "4400000000000000123", "name": "Lin"}) == "4400000000000000123"
    assert far.read({"id": "1"}) == far.read("1") == "1"
    assert far.write("1") == {"id": "1"}
    bare = lens("reference", {"kind": "customer", "as": "id"}, type_="reference", side="remote")
    assert (bare.write("1"), bare.read("1"), bare.read("")) == ("1", "1", None)


@pytest.mark.parametrize(
    ("name", "type_", "side", "value", "code"),
    [
        ("text", "text", "remote", "a\x00b", "nul"),
        ("text", "text", "local", "a\x00b", "nul"),
        ("text", "text", "remote", "a\x07b", "control"),
        ("text", "text", "local", "a\ud800b", "surrogate"),
        ("date", "date", "remote", dt.date(1899, 12, 31), "range"),
        ("date", "date", "local", dt.date(2201, 1, 1), "range"),
        ("date", "date", "local", "soon", "unparseable"),
        ("datetime", "datetime", "remote", dt.datetime(1, 1, 1, tzinfo=dt.UTC), "range"),
        ("datetime", "datetime", "local", "soon", "unparseable"),
        ("integer", "integer", "remote", 2**63, "range"),
        ("integer", "integer", "remote", "1.5", "unparseable"),
        ("decimal", "decimal", "remote", Decimal("0.12345678901234567890123"), "precision"),
        ("decimal", "decimal", "remote", "much", "unparseable"),
        ("tags", "tags", "local", frozenset({"a,b"}), "separator"),
        ("flag", "flag", "remote", "perhaps", "refused"),
    ],
)
def test_what_a_side_cannot_hold_is_refused_without_its_value(
    name: str, type_: str, side: Literal["local", "remote"], value: Value, code: str
) -> None:
    with pytest.raises(Refusal) as caught:
        lens(name, type_=type_, side=side).write(value)
    assert caught.value.code == code
    assert str(value) not in caught.value.text


def test_a_value_that_would_mean_empty_is_refused() -> None:
    it = lens("datetime", {"format": "epoch_s", "none": 0}, type_="datetime")
    assert (it.read(0), it.read("0"), it.write(None)) == (None, None, 0)
    with pytest.raises(Refusal) as caught:
        it.write(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    assert caught.value.code == "none"


def test_decimals_are_exact_and_equal_values_have_one_form() -> None:
    it = lens("decimal", type_="decimal")
    for own in ("1.50", 1.5, Decimal("1.500"), " １.5 "):
        assert repr(it.read(own)) == "Decimal('1.5')"
    assert it.read("0.1") == Decimal("0.1")
    assert repr(it.read("-0.00")) == "Decimal('0')"
    assert repr(it.read("1E+3")) == "Decimal('1000')"
    assert lens("decimal", type_="decimal", side="remote").write(Decimal("99.9")) == 99.9


def test_every_canonical_type_has_a_lens_and_none_takes_unknown_options() -> None:
    types = {field.type for kind in Kind for field in FIELDS[kind].values()}
    assert set(FITTING) == types | {"consent"}
    for type_, names in FITTING.items():
        assert names
        for name in names - {"choice", "flag"}:
            with pytest.raises(OptionError, match="no such option"):
                lens(name, {"no such option": 1}, type_=type_)
