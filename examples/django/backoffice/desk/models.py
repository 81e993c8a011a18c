"""The desk's records. They are more than their columns: `save` does work, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField(unique=True, null=True, blank=True)
    mobile = models.CharField(max_length=30, blank=True)
    city = models.CharField(max_length=60, blank=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    password = models.CharField(max_length=128, blank=True)
    """No mapping names it, so the connector never asks for it."""
    found_by = models.CharField(max_length=200, blank=True, editable=False, db_index=True)
    """What the search box compares with; `save` keeps it, for what comes from the CRM too."""
    deleted_at = models.DateTimeField(null=True, blank=True)

    def save(self, *, update_fields: Iterable[str] | None = None, **how: Any) -> None:
        self.found_by = f"{self.name} {self.city}".casefold()
        if update_fields is not None:
            update_fields = {*update_fields, "found_by"}
        super().save(update_fields=update_fields, **how)


class Card(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    number = models.CharField(max_length=20, unique=True)
    plan = models.CharField(max_length=10, choices=[("monthly", "月卡"), ("yearly", "年卡")])
    points = models.IntegerField(default=0)


class Remark(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True)
    title = models.CharField(max_length=100)
    body = models.TextField(blank=True)
    score = models.IntegerField(null=True)
