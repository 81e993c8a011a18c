"""`manage.py crm_sync`, for cron or by hand."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backoffice.crm.background import opened
from connector import ConnectorError


class Command(BaseCommand):
    help = "Bring this back office and its CRM in step."

    def handle(self, **options: Any) -> None:
        try:
            with opened() as connector:
                report = connector.sync()
        except ConnectorError as error:
            raise CommandError(str(error), returncode=error.exit_code) from None
        for one in report.passes:
            counts = one.counts
            self.stdout.write(
                f"{one.connection}/{one.kind}: {counts.created} created,"
                f" {counts.updated} updated, {counts.removed} removed"
            )
        self.stdout.write(f"for a person: {report.letters} letters, {report.conflicts} conflicts")
        for fault in report.errors:
            self.stderr.write(str(fault))
        if report.exit:
            sys.exit(report.exit)
