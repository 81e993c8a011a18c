"""Stories inside `examples/django`; see `test_django.py`."""

from __future__ import annotations

import atexit
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.examples import inside

if TYPE_CHECKING:
    from connector_zoho.sandbox.handle import ZohoSandbox
    from django.test import Client

    from connector import Background

ADA = {
    "name": "Ada",
    "email": "ada@example.test",
    "mobile": "13800000001",
    "card": "C-1",
    "plan": "yearly",
}
BO = {"name": "Bo", "email": "bo@example.test"}


@dataclass
class Site:
    """The example, set up on a database of its own, and the CRM beside it."""

    box: ZohoSandbox
    client: Client

    @property
    def bell(self) -> Background:
        from backoffice.crm.background import bell

        found: Background = bell()
        return found

    def post(self, path: str, asked: Any) -> Any:
        return self.client.post(path, asked, content_type="application/json")

    def patch(self, path: str, asked: Any) -> Any:
        return self.client.patch(path, asked, content_type="application/json")

    def people(self) -> dict[str, dict[str, Any]]:
        told = self.client.get("/customers").json()["customers"]
        return {one["name"]: one for one in told}


def quiet() -> bool:
    """A sync finds nothing to do."""
    said = command("crm_sync")
    assert said.count(": 0 created, 0 updated, 0 removed") == 3, said
    return True


def command(name: str) -> str:
    from django.core.management import call_command

    out = io.StringIO()
    call_command(name, stdout=out)
    return out.getvalue()


@contextmanager
def site(folder: Path, *, thread: bool = True) -> Iterator[Site]:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "backoffice.settings", "DESK_DATA": str(folder)}
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    with inside.sandbox() as box:
        settings.CRM["connections"]["zoho"] |= inside.connection(box.settings)
        settings.CRM_EVERY_S = 3600
        settings.CRM_THREAD = thread
        django.setup()
        from django.db import connection

        call_command("migrate", verbosity=0)
        assert "changes are noted: True" in command("crm_setup")
        one = Site(box, Client(raise_request_exception=False))
        try:
            yield one
        finally:
            assert one.bell.close()
            connection.close()


def both_ways(folder: Path) -> None:
    """New, changed and deleted, of three models, from the desk and from the CRM."""
    from django.db import transaction

    with site(folder, thread=False) as here:
        from backoffice.crm.background import opened
        from backoffice.desk.models import Card, Customer, Remark

        assert here.post("/customers", ADA).status_code == 201
        with transaction.atomic():
            Remark.objects.create(customer_id=1, title="Tea", body="Small tins, please", score=4)
            Remark.objects.create(title="From nobody")
        with opened() as connector:
            assert len(connector.plan().writes) == 4
        assert here.box.records("Contacts") == [], "a plan writes nothing"
        print(command("crm_sync"), end="")
        ada = inside.live(here.box)["Ada"]
        (card,) = here.box.records("Memberships")
        told = {one["Name"]: one for one in here.box.records("Feedbacks")}
        assert (card["Name"], card["Plan"], told["Tea"]["Score"]) == ("C-1", "年卡", 4)
        assert ada["Customer_Created"]
        assert quiet()

        here.patch("/customers/1", {"city": "London"})
        here.box.edit("Contacts", ada["id"], {"Last_Name": "Ada King"})
        here.box.edit("Memberships", card["id"], {"Plan": "月卡"})
        here.box.remove("Feedbacks", told["Tea"]["id"])
        here.box.create("Contacts", {"Last_Name": "Cy", "Email": "cy@example.test"})
        command("crm_sync")
        assert inside.live(here.box)["Ada King"]["Mailing_City"] == "London"
        people = here.people()
        assert set(people) == {"Ada King", "Cy"}
        assert people["Ada King"]["found_by"] == "ada king london", "the model's own save did it"
        assert people["Cy"]["found_by"].startswith("cy")
        assert Card.objects.get().plan == "monthly"
        assert [one.title for one in Remark.objects.all()] == ["From nobody"]
        command("crm_sync")
        assert inside.live(here.box)["Cy"]["Customer_Created"], "which the desk gave to its row"
        assert quiet()

        here.box.remove("Contacts", inside.live(here.box)["Cy"]["id"])
        command("crm_sync")
        assert set(here.people()) == {"Ada King"}
        assert Customer.objects.count() == 2, "it was deleted softly"
        Card.objects.get().delete()
        here.client.delete("/customers/1")
        command("crm_sync")
        assert here.box.records("Contacts") == here.box.records("Memberships") == []
        assert quiet()


def a_view_wakes_the_thread(folder: Path) -> None:
    """After the commit, and after that only; the request itself calls nobody."""
    from django.db import transaction

    with site(folder) as here:
        calls = inside.Calls()
        told = here.post("/customers", {**ADA, "plan": None})  # the card breaks the request
        assert told.status_code == 500
        assert here.people() == {}
        assert inside.threads() == {"MainThread"}, "a request that undid its work rings nobody"
        with transaction.atomic():
            assert here.post("/customers", ADA).status_code == 201
            transaction.set_rollback(True)
        assert inside.threads() == {"MainThread"}, "nor one whose work is undone in the end"
        here.post("/customers", BO)
        inside.until(lambda: here.bell.runs == 1)
        called = set(calls.threads)
        assert called, "somebody called"
        assert "MainThread" not in called
        assert set(inside.live(here.box)) == {"Bo"}
        assert here.box.records("Memberships") == []


def a_sync_inside_a_transaction_is_refused(folder: Path) -> None:
    from django.db import transaction

    from connector import UsageError

    with site(folder, thread=False) as here:
        from backoffice.crm.background import opened

        try:
            with transaction.atomic(), opened() as connector:
                connector.sync()
        except UsageError as error:
            assert "on_commit" in str(error)
        else:
            raise AssertionError("it should have been refused")
        here.post("/customers", BO)
        command("crm_sync")
        assert set(inside.live(here.box)) == {"Bo"}


def what_sends_no_signal_is_found_within_a_day(folder: Path) -> None:
    """`QuerySet.update` tells nobody; the daily look at all records does."""
    import sqlite3

    with site(folder, thread=False) as here:
        from backoffice.desk.models import Customer

        here.post("/customers", BO)
        command("crm_sync")
        Customer.objects.update(city="Lima")
        command("crm_sync")
        assert inside.live(here.box)["Bo"]["Mailing_City"] is None
        with sqlite3.connect(folder / "state.db") as state:  # a day later
            day = 25 * 3600 * 1_000_000
            state.execute(
                "UPDATE scope SET since_us = since_us - ? WHERE kind LIKE '*/rows/%'", [day]
            )
        state.close()
        command("crm_sync")
        assert inside.live(here.box)["Bo"]["Mailing_City"] == "Lima"


def the_tables_will_do(folder: Path) -> None:
    """The same project by its tables alone: everything is noticed, and no model has a say."""
    from django.conf import settings
    from django.db import connection, models

    from connector import SettingsError, open_connector

    with site(folder, thread=False) as here:
        from backoffice.desk.models import Customer

        (folder / "customer.yaml").write_text(
            "kind: customer\nfields:\n"
            "  names.full: {column: name, lens: text}\n"
            "  emails.primary: {column: email, lens: email}\n"
            "  phones.mobile: {column: mobile, lens: {phone: {none: ''}}}\n"
            "  address.city: {column: city, lens: {text: {none: ''}}}\n"
        )
        customer = {
            "table": "desk_customer",
            "deleted": {"column": "deleted_at", "is_null": False},
            "mapping": "customer.yaml",
            "defaults": {"found_by": "", "password": "", "joined_at": "2026-01-01 00:00:00"},
        }
        table = {
            **settings.CRM,
            "state": {"url": "sqlite:///tables.db"},
            "local": {"url": "sqlite:///desk.db", "phone_region": "CN", "customer": customer},
        }
        table["connections"]["zoho"]["kinds"] = ["customer"]
        here.post("/customers", BO)
        with open_connector(table, folder=folder) as connector:
            connector.install_local()
            assert connector.sync().exit == 0
            Customer.objects.update(city="Lima")
            here.box.create("Contacts", {"Last_Name": "Cy", "Email": "cy@example.test"})
            assert connector.sync().exit == 0, [one.reason for one in connector.letters()]
            assert inside.live(here.box)["Bo"]["Mailing_City"] == "Lima"
            assert here.people()["Cy"]["found_by"] == "", "its `save` did nothing"

            changed = models.CharField(max_length=70, blank=True)
            changed.set_attributes_from_name("city")
            with connection.schema_editor() as editor:
                editor.alter_field(Customer, Customer._meta.get_field("city"), changed)
            Customer.objects.update(city="Quito")
            try:
                connector.sync()
            except SettingsError as error:
                assert "desk_customer" in str(error)
            else:
                raise AssertionError("the migration took the triggers away")
            connector.install_local()
            assert connector.sync().exit == 0
            assert inside.live(here.box)["Bo"]["Mailing_City"] == "Quito"


def leaves_no_trace(folder: Path) -> None:
    """Threads, log, signals and names are the host's own."""
    with site(folder) as here:
        before = inside.ways()
        here.post("/customers", ADA)
        inside.until(lambda: here.bell.runs == 1)
        assert "crm-connector" in inside.threads()
        assert inside.ways() == before
        assert here.bell.close()
        assert inside.threads() == {"MainThread"}
        here.patch("/customers/1", {"city": "London"})
        assert here.people()["Ada"]["city"] == "London"
        assert inside.threads() == {"MainThread"}, "a late ring is no new thread"
    assert inside.ways() == before
    inside.check_own_names(Path.cwd())
    inside.check_private(folder)


def the_operators_command(folder: Path) -> None:
    from django.core.management import execute_from_command_line

    with site(folder, thread=False) as here:

        def operate(*words: str) -> str:
            out = io.StringIO()
            try:
                with redirect_stdout(out), redirect_stderr(io.StringIO()):
                    execute_from_command_line(["manage.py", "crm", *words])
            except SystemExit as end:
                assert end.code == 0, (words, out.getvalue())
            return out.getvalue()

        told = operate("doctor")
        assert "ok    local customer: The host's own side, 5 fields mapped." in told
        assert "The journal does not see what QuerySet.update()" in told
        assert "Changes are noticed; 0 wait to be read." in told
        here.post("/customers", BO)
        assert "create     1" in operate("plan")
        operate("sync")
        assert "zoho/customer" in operate("explain", "zoho/customer/1")
        assert set(inside.live(here.box)) == {"Bo"}


def ends_with_its_process(folder: Path) -> None:
    """`wsgi.py` has `atexit` close the thread: last of all, after what the story registers."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "backoffice.settings", "DESK_DATA": str(folder)}
    import backoffice.wsgi

    assert callable(backoffice.wsgi.application)
    from backoffice.crm.background import bell

    bell().start()
    assert "crm-connector" in inside.threads()
    atexit._run_exitfuncs()
    print(inside.threads())


if __name__ == "__main__":
    inside.main(globals())
