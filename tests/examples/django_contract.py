"""The kit of local sides, run inside `examples/django` by `test_django.py`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from connector.local.contract import Local
from connector.records import Kind
from connector.testing.local_contract import LocalContract, LocalHands, Open, Sample, create

COLUMNS = ("name", "email", "mobile", "city")


@cache
def ready() -> None:
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = "backoffice.settings"
    django.setup()
    call_command("migrate", verbosity=0)


class CustomerHands:
    """Implements `LocalHands` as a view of the desk's would."""

    def create(self, values: Mapping[str, Any]) -> str:
        from backoffice.desk.models import Customer

        return str(Customer.objects.create(**_stored(values)).pk)

    def edit(self, key: str, values: Mapping[str, Any]) -> None:
        from backoffice.desk.models import Customer

        found = Customer.objects.get(pk=key)
        for name, value in _stored(values).items():
            setattr(found, name, value)
        found.save()

    def delete(self, key: str) -> None:
        from backoffice.desk.models import Customer

        Customer.objects.get(pk=key).delete()

    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        from backoffice.desk.models import Customer

        found = Customer.objects.filter(deleted_at=None).values("pk", *COLUMNS)
        return {str(row["pk"]): {n: row[n] or None for n in COLUMNS} for row in found}


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {n: "" if v is None and n != "email" else v for n, v in values.items()}


class TestDjangoSide(LocalContract):
    @pytest.fixture
    def opened(self) -> Iterator[Open]:
        ready()
        from backoffice.crm.side import DjangoSide
        from django.apps import apps
        from django.db import connection

        for model in reversed(list(apps.get_models())):
            model._base_manager.all().delete()
        apps.get_model("crm", "Noted")._base_manager.all().delete()
        yield lambda: DjangoSide("1a2b")
        connection.close()

    @pytest.fixture
    def hands(self) -> LocalHands:
        return CustomerHands()

    @pytest.fixture
    def sample(self) -> Sample:
        return lambda n: {
            "name": f"Zoë {n}",
            "email": f"zoe{n}@example.test",
            "mobile": f"1380000{n:04}",
            "city": f"city {n}",
        }

    @pytest.fixture
    def column(self) -> str:
        return "city"

    @pytest.fixture
    def bad(self) -> Mapping[str, Any]:
        return {"email": "zoe2@example.test"}

    def test_a_write_inside_a_transaction_of_the_hosts_is_refused(
        self, local: Local, hands: LocalHands, kind: Kind, sample: Sample
    ) -> None:
        from django.db import transaction

        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            local.write(kind, [create(sample(1))])
        assert hands.rows() == {}


class TestWithoutTheModelsChecks(TestDjangoSide):
    """What only the database refuses is refused as well."""

    @pytest.fixture
    def bad(self, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
        ready()
        from backoffice.desk.models import Customer

        skip: Callable[..., None] = lambda record, **how: None  # noqa: E731  # a setting of the host's
        monkeypatch.setattr(Customer, "full_clean", skip)
        monkeypatch.setattr(Customer, "validate_unique", skip)
        return {"email": "zoe2@example.test"}


class TestCards(TestDjangoSide):
    """A kind that is not deleted softly, and refers to another."""

    @pytest.fixture
    def kind(self) -> Kind:
        return Kind.MEMBERSHIP

    @pytest.fixture
    def hands(self) -> LocalHands:
        return CardHands()

    @pytest.fixture
    def sample(self, opened: Open) -> Sample:
        from backoffice.desk.models import Customer

        owner = Customer.objects.create(name="Ada").pk
        return lambda n: {
            "customer_id": owner,
            "number": f"C-{n}",
            "plan": "yearly",
            "points": 10 * n,
        }

    @pytest.fixture
    def column(self) -> str:
        pytest.skip("no column of a card holds any text")

    @pytest.fixture
    def bad(self) -> Mapping[str, Any]:
        return {"number": "C-2"}


class CardHands(CustomerHands):
    def create(self, values: Mapping[str, Any]) -> str:
        from backoffice.desk.models import Card

        return str(Card.objects.create(**values).pk)

    def delete(self, key: str) -> None:
        from backoffice.desk.models import Card

        Card.objects.get(pk=key).delete()

    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        from backoffice.desk.models import Card

        names = ("customer_id", "number", "plan", "points")
        return {
            str(row["pk"]): {n: row[n] for n in names} for row in Card.objects.values("pk", *names)
        }
