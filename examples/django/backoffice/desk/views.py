"""What the staff's pages ask for. Each request is one transaction (ATOMIC_REQUESTS)."""

from __future__ import annotations

import json

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from backoffice.crm.background import ring
from backoffice.desk.models import Card, Customer

FIELDS = ("name", "email", "mobile", "city")


@csrf_exempt  # no page of ours holds a form; your own views keep the check
def customers(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        asked = json.loads(request.body)
        made = Customer.objects.create(**{f: asked[f] for f in FIELDS if f in asked})
        if "card" in asked:
            Card.objects.create(customer=made, number=asked["card"], plan=asked["plan"])
        transaction.on_commit(ring)
        return JsonResponse({"id": made.pk}, status=201)
    found = Customer.objects.filter(deleted_at=None)
    return JsonResponse({"customers": list(found.values("id", "found_by", *FIELDS))})


@csrf_exempt
def customer(request: HttpRequest, key: int) -> HttpResponse:
    found = get_object_or_404(Customer, pk=key, deleted_at=None)
    if request.method == "DELETE":
        found.deleted_at = timezone.now()
    elif request.method == "PATCH":
        for field, value in json.loads(request.body).items():
            if field in FIELDS:
                setattr(found, field, value)
    found.save()
    transaction.on_commit(ring)
    return HttpResponse(status=204)
