"""A bulk write has one true result for each record, whatever is lost, and makes nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import pytest
from connector_zoho.bulk import verdicts
from connector_zoho.bulk.jobs import Jobs

from connector.errors import InvalidError, LoginRefusedError, RetryableError, UsageError
from connector.plugin import Op, Outcome, Ref, Result, Target, Write
from connector.records import Kind
from tests.sandbox.test_bulk_jobs import pack
from tests.unit.rig import by_id, update
from tests.unit.test_zoho_bulk_reads import EVERYTHING
from tests.unit.zoho_rig import TARGETS, C, Rig, create

APPLIED, REFUSED, RETRY = Outcome.APPLIED, Outcome.REFUSED, Outcome.RETRY
UNKNOWN = Outcome.UNKNOWN


class Line:
    """A caller of bulk writes, with its store of one token."""

    def __init__(self, rig: Rig, **settings: Any) -> None:
        self.rig = rig
        self.remote = rig.open(**settings)
        self.kept: list[bytes | None] = []

    @property
    def token(self) -> bytes | None:
        return self.kept[-1] if self.kept else None

    def write(self, *writes: Write) -> dict[str, Result]:
        """Go on from the token that was kept last."""
        found = by_id(self.remote.bulk_write(C, writes, self.token, self.kept.append))
        assert set(found) == {one.id for one in writes}
        return found

    def later(self, minutes: int = 11) -> None:
        self.rig.host.clock.moved += timedelta(minutes=minutes)


@pytest.fixture
def line(rig: Rig) -> Line:
    return Line(rig)


def some(count: int = 4) -> list[Write]:
    return [create(str(n)) for n in range(count)]


def names(rig: Rig) -> list[str]:
    return sorted(row["Last_Name"] for row in rig.sandbox.records("Contacts"))


def outcomes(results: dict[str, Result]) -> list[Outcome]:
    return [results[one].outcome for one in sorted(results)]


# --- what goes out ---


def test_every_sort_of_value_is_written_as_by_an_ordinary_write(rig: Rig) -> None:
    account = rig.sandbox.create("Accounts", {"Account_Name": "Acme"})
    fields: dict[str, Any] = {
        "Last_Name": "=HYPERLINK(1)",
        "First_Name": 'a "b",\nc',
        "Email": "lin@example.test",
        "Mobile": "+8613800000001",
        "Email_Opt_Out": True,
        "Do_Not_Contact": False,
        "Description": " one\r\ntwo\rthree ",
        "Date_of_Birth": "1990-02-01",
        "Customer_Created": "2026-02-01T10:00:00+05:30",
        "Account_Name": {"id": account},
        "Customer_Stage": "忠诚客户",
        "Customer_Tags": ["VIP", "会员日"],
        "RFM_Recency": -3,
        "RFM_Monetary": 99.9,
        "Churn_Risk": 0.0125,
        "Mailing_Street": None,
    }
    remote = rig.open(EVERYTHING)
    bulk, plain = create("1", **fields), create("2", **{**fields, "Email": "wei@example.test"})
    [load] = remote.bulk_loads(C, [bulk])
    assert outcomes(by_id(remote.bulk_write(C, load, None, lambda token: None))) == [APPLIED]
    assert outcomes(by_id(remote.write(C, [plain]))) == [APPLIED]
    one, two = rig.sandbox.records("Contacts")
    own = {"id", "Email", "Connector_Key", "Created_Time", "Modified_Time"}
    assert {k: v for k, v in one.items() if k not in own} == {
        k: v for k, v in two.items() if k not in own
    }
    assert rig.calls("bulk_write", "insert") == {"bulk_write": 1, "insert": 1}


def test_loads_are_of_one_deed_and_of_one_set_of_fields(rig: Rig) -> None:
    refs = rig.contacts(3)
    at = datetime(2026, 1, 31, tzinfo=UTC)
    writes = [
        create("1"),
        create("2", Email="a@example.test"),
        update("3", refs[0], First_Name="A"),
        update("4", refs[1], First_Name="B"),
        update("5", refs[0], First_Name="C"),
        update("6", refs[2], Mobile="1"),
        update("7", refs[2], at, First_Name="D"),
        Write(id="8", op=Op.REMOVE, ref=refs[2], fields={}, external_key=""),
        Write(id="9", op=Op.CREATE, ref=None, fields={"Last_Name": "x"}, external_key=""),
        create("10", First_Name="a\0b"),
        create("11", First_Name="\ud800"),
        create("12", Nonsense="x"),
        create("13", Full_Name="x"),
        create("14", Customer_Tags=["a;b"]),
        create("15", Email_Opt_Out="yes"),
    ]
    loads = [[one.id for one in load] for load in rig.open().bulk_loads(C, writes)]
    assert loads == [["1", "2"], ["3", "4"], ["5"], ["6"]]


def test_without_a_unique_key_or_the_means_there_is_no_load(rig: Rig) -> None:
    plain = {C: Target(object="Contacts", fields=("Last_Name",), key_field="Title")}
    assert list(rig.open(plain).bulk_loads(C, some())) == []
    assert list(rig.open(upload_url="").bulk_loads(C, some())) == []
    assert list(rig.open(rate="5000/86400s").bulk_loads(C, some())) == []
    assert len(list(rig.open().bulk_loads(C, some()))) == 1


def test_a_load_ends_where_the_vendors_file_does(rig: Rig) -> None:
    writes = [create(str(n)) for n in range(25_001)]
    assert [len(load) for load in rig.open().bulk_loads(C, writes)] == [25_000, 1]
    broad = [create(str(n), First_Name="x" * 5_000_000) for n in range(5)]
    broad.append(create("9", First_Name="x" * 25_000_000))
    assert [len(load) for load in rig.open().bulk_loads(C, broad)] == [2, 2, 1]


def test_a_child_is_tied_to_its_person(rig: Rig) -> None:
    [ref] = rig.contacts(1)
    remote = rig.open(TARGETS)

    def child(id_: str, person: str) -> Write:
        fields = {"Name": "Card", "Customer": {"id": person}, "Benefits": ["包邮"]}
        return Write(id=id_, op=Op.CREATE, ref=None, fields=fields, external_key=f"M{id_}")

    kept: list[bytes | None] = []
    writes = [child("1", ref), child("2", "41")]
    results = by_id(remote.bulk_write(Kind.MEMBERSHIP, writes, None, kept.append))
    assert outcomes(results) == [APPLIED, REFUSED]
    [row] = rig.sandbox.records("Memberships")
    assert row["Customer"]["id"] == ref


def test_an_update_empties_what_is_none_and_leaves_the_rest(line: Line) -> None:
    [ref] = line.rig.contacts(1, First_Name="A", Mobile="1", Email_Opt_Out=True)
    assert outcomes(line.write(update("1", ref, First_Name=None))) == [APPLIED]
    [row] = line.rig.sandbox.records("Contacts")
    assert (row["First_Name"], row["Mobile"], row["Email_Opt_Out"]) == (None, "1", True)


# --- what comes back ---


def test_a_created_record_has_its_ref_and_a_version_before_it_was_made(line: Line) -> None:
    results = line.write(*some(3))
    assert outcomes(results) == [APPLIED] * 3
    held = {row["Last_Name"]: row for row in line.rig.sandbox.records("Contacts")}
    for n, one in results.items():
        row = held[f"N{n}"]
        assert one.seen is not None and one.seen.ref == row["id"]
        made = datetime.fromisoformat(row["Modified_Time"]).astimezone(UTC)
        assert datetime.fromisoformat(one.seen.version) < made
    assert len(line.kept) == 2, "before the start, and with the job's id"


def test_a_record_that_fails_alone_says_why_and_tells_no_value(line: Line) -> None:
    results = line.write(
        create("1"),
        create("2", Email="CNRY no address"),
        create("3", Last_Name=""),
        create("4", First_Name="CNRY" + "x" * 40),
    )
    assert outcomes(results) == [APPLIED, REFUSED, REFUSED, REFUSED]
    reasons = {n: one.reason for n, one in results.items() if one.reason}
    assert {n: (one.code, one.field) for n, one in reasons.items()} == {
        "2": ("invalid", "Email"),
        "3": ("required", "Last_Name"),
        "4": ("invalid", "First_Name"),
    }
    assert "CNRY" not in repr(results)


def test_a_key_that_is_there_already_names_its_record(line: Line) -> None:
    [ref] = line.rig.contacts(1, Connector_Key="KEY0")
    results = line.write(*some(2))
    assert outcomes(results) == [REFUSED, APPLIED]
    assert (results["0"].existing, results["0"].reason and results["0"].reason.code) == (
        ref,
        "duplicate",
    )


@pytest.mark.parametrize("heads", ["RECORD_ID", "ID"])
def test_the_heads_of_the_result_may_be_called_either_way(line: Line, heads: str) -> None:
    line.rig.sandbox.switch(bulk_heads=heads, bulk_progress="INPROGRESS")
    refs = line.rig.contacts(2)
    results = line.write(
        update("1", refs[0], First_Name="A"), update("2", Ref("41"), First_Name="B")
    )
    assert outcomes(results) == [APPLIED, REFUSED]


class TellsRows(Jobs):
    """The vendor's result table, as a test wants it."""

    def __init__(self, *rows: list[str]) -> None:
        self._rows = rows

    def fetch_write(self, job: str, url: str, into: BinaryIO) -> None:
        heads = ["Connector_Key", "Last_Name", "STATUS", "RECORD_ID", "ERRORS"]
        into.write(pack(heads, *self._rows))


@pytest.mark.parametrize(
    ("status", "ref", "errors", "told"),
    [
        ("ADDED", "41", "", (APPLIED, None, None)),
        ("SKIPPED", "", "INVALID_DATA-Customer.id", (REFUSED, "invalid", "Customer")),
        ("SKIPPED", "", "MANDATORY_NOT_FOUND-A,B:NEW_CODE-C", (REFUSED, "required", "A")),
        ("SKIPPED", "", "NEW_CODE-C", (REFUSED, "new_code", "C")),
        ("SKIPPED", "", "NOT_APPROVED-id", (RETRY, "locked", "id")),
        ("SKIPPED", "", "CANNOT_PROCESS-A:DUPLICATE_DATA-B", (REFUSED, "duplicate", "B")),
        ("UPDATED", "41", "", (UNKNOWN, "wrong_deed", None)),
        ("SKIPPED", "", "林 says no", None),
        ("UNPROCESSED", "", "", None),
        ("ADDED", "", "", None),
        ("ADDED", "林", "", None),
    ],
)
def test_a_verdict_is_read_or_is_none(
    status: str, ref: str, errors: str, told: tuple[Outcome, str | None, str | None] | None
) -> None:
    found = verdicts.of_job(TellsRows(["K1", "x", status, ref, errors]), "1", "")["K1"]
    assert found.is_clear is (told is not None)
    if told is not None:
        result = found.result(create("1"), "2026-01-31T02:00:00+00:00")
        reason = result.reason
        assert (result.outcome, reason and reason.code, reason and reason.field) == told


def test_two_verdicts_on_one_record_are_none() -> None:
    row = ["K1", "x", "ADDED", "41", ""]
    other = ["K2", "x", "ADDED", "43", ""]
    assert list(verdicts.of_job(TellsRows(row, other, [*row]), "1", "")) == ["K2"]


def test_a_state_of_another_job_is_not_believed(line: Line) -> None:
    line.rig.sandbox.fault("wrong_record", operation="bulk_write_state")
    with pytest.raises(RetryableError, match="another job"):
        line.write(*some())
    assert outcomes(line.write(*some())) == [APPLIED] * 4


# --- what is lost ---


@pytest.mark.parametrize("name", ["lost_before", "lost_after", "error", "error_although_applied"])
def test_a_start_without_an_answer_is_begun_again_and_makes_nothing_twice(
    line: Line, name: str
) -> None:
    line.rig.sandbox.fault(name, operation="bulk_write")
    writes = some()
    for _ in range(2):  # at once, and when called again too early
        with pytest.raises(RetryableError) as caught:
            line.write(*writes)
        assert caught.value.after_s
    assert line.rig.calls("bulk_write", "upload") == {"bulk_write": 1, "upload": 1}
    first = datetime.now(UTC)
    line.later()
    results = line.write(*writes)
    assert outcomes(results) == [APPLIED] * 4
    assert names(line.rig) == ["N0", "N1", "N2", "N3"]
    for one in results.values():
        assert one.seen is not None and one.seen.external_key
        assert datetime.fromisoformat(one.seen.version) < first, "an edit since must show"


def test_a_clock_that_went_back_does_not_hold_a_lost_start_up_for_ever(line: Line) -> None:
    line.later(minutes=60 * 24 * 365)  # our clock is a year ahead, and then is not
    line.rig.sandbox.fault("lost_after", operation="bulk_write")
    with pytest.raises(RetryableError):
        line.write(*some())
    line.later(minutes=-60 * 24 * 365)
    with pytest.raises(RetryableError) as caught:
        line.write(*some())
    assert caught.value.after_s == 600
    line.later()
    assert outcomes(line.write(*some())) == [APPLIED] * 4


def test_a_login_that_may_not_fetch_the_result_is_raised_and_the_token_stays_good(
    line: Line,
) -> None:
    line.rig.sandbox.fault("error", operation="bulk_write_result", status=403, code="NO_PERMISSION")
    with pytest.raises(LoginRefusedError):
        line.write(*some())
    assert outcomes(line.write(*some())) == [APPLIED] * 4
    assert line.rig.calls("bulk_write", "coql") == {"bulk_write": 1}


def test_a_lost_start_of_updates_is_unknown_and_is_not_begun_again(line: Line) -> None:
    refs = line.rig.contacts(2)
    writes = [update(str(n), ref, First_Name="A") for n, ref in enumerate(refs)]
    line.rig.sandbox.fault("lost_after", operation="bulk_write")
    assert outcomes(line.write(*writes)) == [UNKNOWN, UNKNOWN]
    line.later()
    assert outcomes(line.write(*writes)) == [UNKNOWN, UNKNOWN]
    assert line.rig.calls("bulk_write") == {"bulk_write": 1}


def test_a_start_that_is_put_off_leaves_no_token(line: Line) -> None:
    line.rig.sandbox.fault("throttled", operation="bulk_write")
    assert outcomes(line.write(*some(2))) == [RETRY, RETRY]
    assert line.token is None
    assert outcomes(line.write(*some(2))) == [APPLIED, APPLIED]


def test_a_start_that_is_refused_is_raised_and_leaves_no_token(line: Line) -> None:
    line.rig.sandbox.fault("error", operation="bulk_write", status=400, code="INVALID_FILE_ID")
    with pytest.raises(InvalidError):
        line.write(*some(2))
    assert line.token is None
    line.rig.sandbox.fault("error", operation="bulk_write", status=403, code="NO_PERMISSION")
    with pytest.raises(LoginRefusedError):
        line.write(*some(2))
    assert line.token is None and names(line.rig) == []


def test_an_upload_that_fails_keeps_nothing(line: Line) -> None:
    line.rig.sandbox.fault("error", operation="upload", status=413, code="FILE_TOO_LARGE")
    with pytest.raises(InvalidError):
        line.write(*some(2))
    line.rig.sandbox.fault("throttled", operation="upload")
    with pytest.raises(RetryableError):
        line.write(*some(2))
    assert line.kept == []
    line.rig.sandbox.fault("lost_after", operation="upload")
    assert outcomes(line.write(*some(2))) == [APPLIED, APPLIED]


def test_a_long_job_is_left_for_the_next_run_and_started_once(rig: Rig) -> None:
    rig.sandbox.limits(bulk_job_s=3600)
    line = Line(rig, bulk_wait_s=10)
    for _ in range(2):
        with pytest.raises(RetryableError):
            line.write(*some())
    rig.sandbox.now(advance=3600)
    assert outcomes(line.write(*some())) == [APPLIED] * 4
    assert rig.calls("bulk_write", "upload") == {"bulk_write": 1, "upload": 1}


@pytest.mark.parametrize("half", [False, True])
def test_a_job_that_fails_is_read_from_its_records(line: Line, half: bool) -> None:
    line.rig.sandbox.fault("failed_job", operation="bulk_write", half=half)
    done = [APPLIED, APPLIED] if half else [RETRY, RETRY]
    assert outcomes(line.write(*some())) == [*done, RETRY, RETRY]
    assert outcomes(Line(line.rig).write(*some()[2:])) == [APPLIED, APPLIED]
    refs = line.rig.contacts(1)
    line.rig.sandbox.fault("failed_job", operation="bulk_write")
    assert outcomes(Line(line.rig).write(update("1", refs[0], First_Name="A"))) == [UNKNOWN]


@pytest.mark.parametrize("name", ["short_result", "html", "empty", "error"])
def test_a_result_that_cannot_be_read_whole_is_made_up_from_the_records(
    line: Line, name: str
) -> None:
    more: dict[str, Any] = {"status": 404, "code": "RESOURCE_NOT_FOUND"} if name == "error" else {}
    line.rig.sandbox.fault(name, operation="bulk_write_result", **more)
    results = line.write(*some(), create("9", Last_Name=""))
    assert outcomes(results) == [APPLIED] * 4 + [RETRY], "why it was refused is not known any more"
    assert len(names(line.rig)) == 4


def test_looking_for_records_may_be_put_off_and_goes_on(line: Line) -> None:
    line.rig.sandbox.fault("html", operation="bulk_write_result", count=2)
    line.rig.sandbox.fault("throttled", operation="coql")
    with pytest.raises(RetryableError):
        line.write(*some())
    assert outcomes(line.write(*some())) == [APPLIED] * 4
    assert line.rig.calls("bulk_write") == {"bulk_write": 1}


def test_what_is_settled_need_not_be_asked_again(line: Line) -> None:
    writes = some()
    line.write(*writes)
    assert outcomes(line.write(*writes[2:][::-1])) == [APPLIED, APPLIED]
    assert line.rig.calls("bulk_write") == {"bulk_write": 1}


def test_what_is_no_load_is_refused_before_anything_is_sent(line: Line) -> None:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    ref = Ref("41")
    for writes in (
        [create("1"), update("2", ref, First_Name="A")],
        [update("1", ref, First_Name="A"), update("2", Ref("42"), Mobile="1")],
        [update("1", ref, First_Name="A"), update("2", ref, First_Name="B")],
        [update("1", ref, at, First_Name="A")],
        [create("1", key="K"), create("2", key="K")],
        [create("1", First_Name="a\0b")],
    ):
        with pytest.raises(UsageError):
            line.write(*writes)
    with pytest.raises(UsageError):
        list(line.remote.bulk_write(C, some(), b"{}", line.kept.append))
    assert line.kept == [] and not line.rig.calls("upload", "bulk_write")


def spent(rig: Rig, writes: Sequence[Write]) -> int:
    before = int(rig.sandbox.admin("credits"))
    Line(rig).write(*writes)
    return int(rig.sandbox.admin("credits")) - before


def test_a_job_costs_about_what_its_terms_say(rig: Rig) -> None:
    terms = rig.open().bulk_write_terms(C)
    assert 500 < spent(rig, some(10)) <= terms.job_cost
    assert sum(rig.host.spent) <= terms.job_cost
