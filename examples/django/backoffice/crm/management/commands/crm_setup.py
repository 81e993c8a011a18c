"""`manage.py crm_setup`, once, after `migrate`."""

from typing import Any

from django.core.management.base import BaseCommand

from backoffice.crm.background import opened


class Command(BaseCommand):
    help = "Make the connector's keys, and name this database."

    def handle(self, **options: Any) -> None:
        with opened() as connector:
            self.stdout.write(f"keys: {connector.make_keys()}")
            self.stdout.write(f"changes are noted: {connector.install_local().installed}")
