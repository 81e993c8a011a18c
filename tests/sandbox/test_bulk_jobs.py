"""README: Bulk read, Bulk write."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from connector_zoho import facts

from connector.sandbox.calls import Dropped
from tests.sandbox.client import Answer, Client

READ, WRITE = facts.BULK_READ_PATH, facts.BULK_WRITE_PATH
JSON = {"content-type": "application/json"}


def ask(
    zoho: Client, method: str, path: str, body: Any = None, headers: Any = None
) -> tuple[int, bytes]:
    """Call by the whole path; the token is added."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    told = {"Authorization": f"Zoho-oauthtoken {zoho.token}", **JSON, **(headers or {})}
    status, _, content = zoho.app.handle(method, path, {}, told, raw)
    return status, content


def told(answer: tuple[int, bytes]) -> Answer:
    return Answer(answer[0], {}, json.loads(answer[1]))


def table(content: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        [name] = archive.namelist()
        return list(csv.reader(io.StringIO(archive.read(name).decode(), newline="")))


# --- read ---


def start(zoho: Client, **query: Any) -> Answer:
    asked = query or {"module": {"api_name": "Contacts"}, "fields": ["Last_Name", "Modified_Time"]}
    return told(ask(zoho, "POST", READ, {"query": asked, "file_type": "csv"}))


def state(zoho: Client, job: str) -> Any:
    return told(ask(zoho, "GET", f"{READ}/{job}")).rows[0]


def test_a_read_goes_through_its_states_and_shows_what_is_there_when_it_is_done(
    zoho: Client,
) -> None:
    zoho.contact(Last_Name="before")
    zoho.admin("limits", bulk_job_s=60)
    answer = start(zoho)
    assert (answer.status, answer.code) == (201, "ADDED_SUCCESSFULLY")
    states = [state(zoho, answer.id)["state"]]
    zoho.contact(Last_Name="meanwhile")
    for _ in range(2):
        zoho.clock.at += 30
        states.append(state(zoho, answer.id)["state"])
    assert states == ["ADDED", "IN PROGRESS", "COMPLETED"]
    assert state(zoho, answer.id)["result"]["count"] == 2
    rows = table(ask(zoho, "GET", f"{READ}/{answer.id}/result")[1])
    assert rows[0] == ["Id", "Last_Name", "Modified_Time"]
    assert [row[1] for row in rows[1:]] == ["meanwhile", "before"]
    assert rows[1][2] == "2026-01-31T12:00:00+08:00"


def test_a_long_read_goes_on_by_token(zoho: Client) -> None:
    zoho.admin("limits", bulk_read_rows=2)
    refs = {zoho.contact() for _ in range(5)}
    found, answer = set(), start(zoho)
    for _ in range(3):
        result = state(zoho, answer.id)["result"]
        rows = table(ask(zoho, "GET", f"{READ}/{answer.id}/result")[1])
        found |= {row[0] for row in rows[1:]}
        if result["more_records"]:
            answer = start(zoho, page_token=result["next_page_token"])
    assert found == refs
    assert start(zoho, page_token="x" * 32).code == "INVALID_DATA"


def test_what_a_read_refuses(zoho: Client) -> None:
    module = {"api_name": "Contacts"}
    assert start(zoho, module={"api_name": "Nope"}).code == "INVALID_MODULE"
    assert start(zoho, module=module, fields=["Nope"]).code == "FIELD_NOT_AVAILABLE"
    assert start(zoho, module=module, fields=[{}]).code == "FIELD_NOT_AVAILABLE"
    assert start(zoho, module=module, page=51).status == 400
    assert start(zoho, module=module, criteria={"group": []}).code == "CRITERIA_NOT_SUPPORTED"
    assert ask(zoho, "POST", READ, b"{}", {"content-type": "text/plain"})[0] == 415
    assert told(ask(zoho, "GET", f"{READ}/41")).status == 404


def test_results_are_there_for_a_day_and_ten_a_minute(zoho: Client) -> None:
    job = start(zoho).id
    statuses = [ask(zoho, "GET", f"{READ}/{job}/result")[0] for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    zoho.clock.at += 90_000
    zoho.token = str(zoho.refresh()["access_token"])
    assert ask(zoho, "GET", f"{READ}/{job}/result")[0] == 404


def test_jobs_cost_credits_and_are_limited_in_number(zoho: Client) -> None:
    zoho.admin("limits", bulk_jobs=1, bulk_job_s=10)
    before = zoho.admin("credits")
    assert [start(zoho).status for _ in range(2)] == [201, 429]
    assert zoho.admin("credits") - before == 100  # a refused start is charged too, to be strict


def test_a_read_needs_a_scope_of_its_own(zoho: Client) -> None:
    zoho.admin("grant", refresh_token="r", scopes=list(facts.SCOPES))
    zoho.token = str(zoho.refresh(refresh_token="r")["access_token"])
    assert start(zoho).code == "OAUTH_SCOPE_MISMATCH"


def test_a_failed_read_has_no_result_and_a_short_one_half(zoho: Client) -> None:
    refs = [zoho.contact() for _ in range(4)]
    zoho.admin("fault", name="failed_job", operation="bulk_read")
    failed, fine = start(zoho).id, start(zoho).id
    assert state(zoho, failed)["state"] == "FAILURE"
    assert ask(zoho, "GET", f"{READ}/{failed}/result")[0] == 404
    zoho.admin("fault", name="short_result", operation="bulk_read_result")
    lengths = [len(table(ask(zoho, "GET", f"{READ}/{fine}/result")[1])) for _ in range(2)]
    assert lengths == [len(refs) // 2 + 1, len(refs) + 1]


# --- write ---


def pack(*rows: list[str]) -> bytes:
    text, made = io.StringIO(newline=""), io.BytesIO()
    csv.writer(text).writerows(rows)
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("records.csv", text.getvalue())
    return made.getvalue()


def upload(zoho: Client, content: bytes, **headers: str) -> Answer:
    body = b"".join(
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="r.zip"\r\n\r\n',
            content,
            b"\r\n--b--\r\n",
        )
    )
    heads = {
        "feature": "bulk-write",
        "X-CRM-ORG": zoho.app.org.zgid,
        "content-type": "multipart/form-data; boundary=b",
        **headers,
    }
    return told(ask(zoho, "POST", facts.UPLOAD_PATH, body, heads))


def job(zoho: Client, operation: str, *rows: list[str], **more: Any) -> Answer:
    mappings = more.pop("mappings", [{"api_name": n, "index": i} for i, n in enumerate(rows[0])])
    resource = {
        "type": "data",
        "module": {"api_name": "Contacts"},
        "file_id": upload(zoho, pack(*rows)).details["file_id"],
        "field_mappings": mappings,
        **more,
    }
    return told(ask(zoho, "POST", WRITE, {"operation": operation, "resource": [resource]}))


def verdicts(zoho: Client, answer: Answer) -> list[list[str]]:
    assert answer.status == 201, answer.body
    about = told(ask(zoho, "GET", f"{WRITE}/{answer.id}")).body
    assert about["status"] == "COMPLETED"
    path = about["result"]["download_url"].removeprefix(zoho.app.base_url)
    return table(ask(zoho, "GET", path)[1])


def test_an_insert_says_of_each_row_what_became_of_it(zoho: Client) -> None:
    answer = job(
        zoho,
        "insert",
        ["Connector_Key", "Last_Name", "Email", "Mobile"],
        ["K1", "Lin", "lin@example.test", "1"],
        ["K1", "Wei", "", ""],
        ["K3", "", "", ""],
        ["K4", "=1+1", "no address", ""],
    )
    rows = verdicts(zoho, answer)
    assert rows[0] == ["Connector_Key", "Last_Name", "Email", "STATUS", "RECORD_ID", "ERRORS"]
    assert [(row[3], row[5]) for row in rows[1:]] == [
        ("ADDED", ""),
        ("SKIPPED", "DUPLICATE_DATA-Connector_Key"),
        ("SKIPPED", "MANDATORY_NOT_FOUND-Last_Name"),
        ("SKIPPED", "INVALID_DATA-Email"),
    ]
    [row] = zoho.admin("records", module="Contacts")
    assert (row["id"], row["Last_Name"], row["Mobile"]) == (rows[1][4], "Lin", "1")


def test_an_update_empties_what_is_empty_unless_told_otherwise(zoho: Client) -> None:
    ref = zoho.contact(First_Name="A", Mobile="1")
    heads, row = ["id", "First_Name", "Mobile"], [ref, "B", ""]
    job(zoho, "update", heads, row, find_by="id", ignore_empty=True)
    [now] = zoho.admin("records", module="Contacts")
    assert (now["First_Name"], now["Mobile"]) == ("B", "1")
    rows = verdicts(zoho, job(zoho, "update", heads, row, find_by="id"))
    [now] = zoho.admin("records", module="Contacts")
    assert (rows[1][3], now["Mobile"]) == ("UPDATED", None)


def test_an_upsert_finds_by_a_unique_field(zoho: Client) -> None:
    ref = zoho.contact(Connector_Key="K1")
    heads = ["Connector_Key", "Last_Name"]
    answer = job(zoho, "upsert", heads, ["K1", "x"], ["K2", "y"], find_by="Connector_Key")
    rows = verdicts(zoho, answer)
    assert [row[2] for row in rows[1:]] == ["UPDATED", "ADDED"]
    assert rows[1][3] == ref


def test_a_date_without_a_format_is_read_the_american_way(zoho: Client) -> None:
    heads = ["Last_Name", "Date_of_Birth"]
    plain = job(zoho, "insert", heads, ["a", "01/31/1990"], ["b", "1990-01-31"])
    assert [row[2] for row in verdicts(zoho, plain)[1:]] == ["ADDED", "SKIPPED"]
    zoho.admin("switch", bulk_times="iso_too")
    plain = job(zoho, "insert", heads, ["b", "1990-01-31"])
    assert verdicts(zoho, plain)[1][2] == "ADDED"
    mappings: list[dict[str, Any]] = [
        {"api_name": "Last_Name", "index": 0},
        {"api_name": "Date_of_Birth", "index": 1, "format": facts.BULK_DATE},
    ]
    told_form = job(zoho, "insert", heads, ["c", "1990-01-31"], mappings=mappings)
    assert verdicts(zoho, told_form)[1][2] == "ADDED"
    held = {r["Last_Name"]: r["Date_of_Birth"] for r in zoho.admin("records", module="Contacts")}
    assert held == dict.fromkeys("abc", "1990-01-31")


@pytest.mark.parametrize(
    ("code", "operation", "more"),
    [
        ("MANDATORY_NOT_FOUND", "update", {}),
        ("INVALID_FIELD", "update", {"find_by": "Email"}),
        ("INVALID_DATA", "purge", {}),
        ("INVALID_FILE_ID", "insert", {"file_id": "41"}),
        ("FILE_NOT_FOUND", "insert", {"file_names": ["other.csv"]}),
        ("INVALID_MODULE", "insert", {"module": {"api_name": "Nope"}}),
        ("INVALID_FIELD", "insert", {"mappings": [{"api_name": "Nope", "index": 0}]}),
        ("MISSING_REQUIRED_KEY", "insert", {"mappings": ["Email"]}),
        ("COLUMN_INDEX_NOT_FOUND", "insert", {"mappings": [{"api_name": "Email", "index": 9}]}),
        (
            "MANDATORY_FIELDS_NOT_MAPPED",
            "insert",
            {"mappings": [{"api_name": "Email", "index": 0}]},
        ),
    ],
)
def test_what_a_write_refuses(zoho: Client, code: str, operation: str, more: Any) -> None:
    answer = job(zoho, operation, ["Last_Name"], ["x"], **more)
    assert (answer.status, answer.code) == (400, code)


def test_what_an_upload_refuses(zoho: Client) -> None:
    good = pack(["Last_Name"], ["x"])
    assert upload(zoho, good).code == "FILE_UPLOAD_SUCCESS"
    assert upload(zoho, good, feature="x").code == "NOT_SUPPORTED_FEATURE"
    assert upload(zoho, good, **{"X-CRM-ORG": "1"}).code == "INVALID_DATA"
    assert upload(zoho, b"Last_Name\nx\n").code == "INVALID_FILE_FORMAT"
    wide = pack([f"c{n}" for n in range(201)])
    assert upload(zoho, wide).code == "HEADER_LIMIT_EXCEEDED"


def test_too_many_rows_are_no_job(zoho: Client) -> None:
    zoho.admin("limits", bulk_write_rows=1)
    assert job(zoho, "insert", ["Last_Name"], ["a"], ["b"]).code == "LIMIT_EXCEEDED"


def test_what_a_job_writes_lands_when_it_is_done(zoho: Client) -> None:
    zoho.admin("limits", bulk_job_s=60)
    job(zoho, "insert", ["Last_Name"], ["late"])
    assert zoho.admin("records", module="Contacts") == []
    zoho.clock.at += 60
    [row] = zoho.admin("records", module="Contacts")
    assert row["Modified_Time"] == "2026-01-31T12:01:00+08:00"


def test_a_failed_write_may_have_done_half(zoho: Client) -> None:
    zoho.admin("fault", name="failed_job", operation="bulk_write", half=True)
    answer = job(zoho, "insert", ["Last_Name"], ["a"], ["b"], ["c"], ["d"])
    about = told(ask(zoho, "GET", f"{WRITE}/{answer.id}")).body
    assert about["status"] == "FAILED" and "result" not in about
    assert [row["Last_Name"] for row in zoho.admin("records", module="Contacts")] == ["a", "b"]


def test_a_lost_start_has_its_effect_all_the_same(zoho: Client) -> None:
    zoho.admin("fault", name="lost_after", operation="bulk_write")
    with pytest.raises(Dropped):
        job(zoho, "insert", ["Last_Name"], ["a"])
    assert len(zoho.admin("records", module="Contacts")) == 1


def test_the_forms_that_the_pages_disagree_on(zoho: Client) -> None:
    zoho.admin("switch", bulk_heads="ID", bulk_progress="INPROGRESS", bulk_lookup_head="dotted")
    rows = verdicts(zoho, job(zoho, "insert", ["Last_Name"], ["a"]))
    assert rows[0] == ["Last_Name", "ID", "Status", "Errors"]
    zoho.admin("limits", bulk_job_s=60)
    read = start(zoho, module={"api_name": "Memberships"}, fields=["Customer"])
    zoho.clock.at += 30
    assert state(zoho, read.id)["state"] == "INPROGRESS"
    zoho.clock.at += 30
    assert table(ask(zoho, "GET", f"{READ}/{read.id}/result")[1])[0] == ["Id", "Customer.id"]
