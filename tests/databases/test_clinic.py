"""`examples/clinic`: a tidy shop on PostgreSQL in step with both vendors by packaged mappings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.local.sql import SqlLocal
from tests.databases.test_mall import Place, opened

ANA = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Place]:
    with opened("clinic", "postgresql", tmp_path) as place:
        yield place


def one(clinic: Place, object: str, field: str, value: str) -> dict[str, Any]:
    (found,) = [r for r in clinic.boxes["zoho"].records(object) if r.get(field) == value]
    return found


def test_the_clinic_comes_into_step_with_both_vendors_and_is_quiet(clinic: Place) -> None:
    report = clinic.sync()
    assert {(p.connection, p.kind): p.counts.created for p in report.passes} == {
        ("zoho", "customer"): 3,
        ("zoho", "membership"): 2,
        ("zoho", "feedback"): 2,
        ("fxiaoke", "customer"): 3,
        ("fxiaoke", "membership"): 2,
        ("fxiaoke", "feedback"): 2,
    }
    assert (report.letters, report.conflicts) == (0, 0)
    assert one(clinic, "Memberships", "Name", "C-0001")["Points"] == 100
    assert clinic.written() == 0
    assert clinic.written() == 0


def test_a_complaint_that_is_handled_at_a_crm_is_handled_in_the_clinic(clinic: Place) -> None:
    clinic.sync()
    ref = one(clinic, "Feedbacks", "Name", "Waited for an hour")["id"]
    handled = {"Feedback_Status": "已解决", "Assignee": "Desk", "Resolution": "A second doctor."}
    clinic.boxes["zoho"].edit("Feedbacks", ref, handled)
    clinic.sync()
    rows = clinic.sql("SELECT status, assignee, resolution FROM complaints WHERE body IS NOT NULL")
    assert rows == [{"status": "resolved", "assignee": "Desk", "resolution": "A second doctor."}]
    assert clinic.written() == 0


def test_edits_soft_deletes_and_ledger_lines_of_the_clinic_arrive(clinic: Place) -> None:
    clinic.sync()
    clinic.sql("UPDATE patients SET city = 'Toledo' WHERE id = :id", id=ANA)
    clinic.sql("UPDATE patients SET deleted_at = now() WHERE family_name = 'Okafor'")
    clinic.sql("INSERT INTO points (card_id, points) SELECT id, 5 FROM cards")
    clinic.sync()
    assert one(clinic, "Contacts", "Last_Name", "Novak")["Mailing_City"] == "Toledo"
    assert one(clinic, "Memberships", "Name", "C-0001")["Points"] == 105
    assert not [r for r in clinic.boxes["zoho"].records("Contacts") if r["Last_Name"] == "Okafor"]
    assert clinic.written() == 0


def test_a_patient_made_at_a_crm_gets_a_key_from_the_database(clinic: Place) -> None:
    clinic.sync()
    person = {"Last_Name": "Ruiz", "Mobile": "+34600000009"}
    clinic.boxes["zoho"].create("Contacts", person)
    statements: list[str] = []
    local = clinic.connector.local
    assert isinstance(local, SqlLocal)
    engine = local._engine  # what it runs is the point here

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    clinic.sync()
    (row,) = clinic.sql("SELECT id::text AS id, phone FROM patients WHERE family_name = 'Ruiz'")
    assert len(row["id"]) == 36
    assert statements
    assert not [s for s in statements if "notes_of_doctors" in s or "SELECT *" in s]
    assert clinic.written() == 0
