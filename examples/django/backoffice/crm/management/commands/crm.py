"""`manage.py crm VERB …`: the connector's own command on this back office.

`manage.py crm --help` lists the verbs: doctor, plan, letters, conflicts, explain, status, ….
"""

import sys

from django.core.management.base import BaseCommand

from backoffice.crm.background import opened
from connector.commands import run


class Command(BaseCommand):
    help = "The connector's own command: doctor, plan, letters, conflicts, explain, status, …"

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(run(argv[2:], opened=opened))
