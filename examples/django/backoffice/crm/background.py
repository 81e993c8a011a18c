"""The connector of this back office, and its thread."""

from __future__ import annotations

import datetime as dt
from functools import cache

from django.conf import settings

from backoffice.crm.side import DjangoSide
from connector import Background, Connector, open_connector
from connector.plugin import Clock


def opened(clock: Clock | None = None) -> Connector:
    """The connector, for commands. Close it, best as a context manager."""
    return open_connector(settings.CRM, folder=settings.CRM_FOLDER, local=DjangoSide, clock=clock)


@cache
def bell() -> Background:
    every = dt.timedelta(seconds=settings.CRM_EVERY_S)
    return Background(settings.CRM, folder=settings.CRM_FOLDER, local=DjangoSide, every=every)


def ring() -> None:
    """For `transaction.on_commit`: there is something to bring to the CRM."""
    if settings.CRM_THREAD:
        bell().ring()


def close() -> bool:
    """Before the process ends."""
    return bell().close()
