"""Which model holds which kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Model

from backoffice.desk.models import Card, Customer, Remark
from connector import Kind


@dataclass(frozen=True)
class Source:
    """`deleted`: the field with the time of a soft delete, if the model has one."""

    model: type[Model]
    deleted: str | None = None


SOURCES: Mapping[Kind, Source] = {
    Kind.CUSTOMER: Source(Customer, deleted="deleted_at"),
    Kind.MEMBERSHIP: Source(Card),
    Kind.FEEDBACK: Source(Remark),
}
