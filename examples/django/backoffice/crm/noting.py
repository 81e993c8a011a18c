"""Notes each record that is saved or deleted, in the transaction that does it."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from backoffice.crm.models import Noted
from backoffice.crm.sources import SOURCES

UNSEEN = (
    "what QuerySet.update(), bulk_create(), bulk_update() and SQL of your own change",
    "saves outside of a transaction that break off halfway",
)
"""What sends no signal, or one too late: a look at all records finds it once a day."""

_KINDS = {source.model: kind for kind, source in SOURCES.items()}


def begin() -> None:
    """From here on, until the process ends."""
    for model in _KINDS:
        post_save.connect(_note, sender=model, dispatch_uid="crm-note-saved")
        post_delete.connect(_note, sender=model, dispatch_uid="crm-note-deleted")


def _note(sender: type[Model], instance: Model, using: str, **told: Any) -> None:
    Noted.objects.using(using).create(kind=_KINDS[sender], key=str(instance.pk))
