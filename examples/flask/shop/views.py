"""What the staff's pages ask for. A view commits, then rings; the CRM is somebody else's work."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, abort, current_app, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop import crm
from shop.models import Card, Customer

desk = Blueprint("desk", __name__)
FIELDS = ("name", "email", "mobile", "city")


def session() -> Session:
    made: Session = current_app.extensions["sessions"]()
    return made


@desk.get("/customers")
def customers() -> list[dict[str, Any]]:
    with session() as db:
        found = db.scalars(select(Customer).where(Customer.deleted_at.is_(None)))
        return [{"id": one.id, **{f: getattr(one, f) for f in FIELDS}} for one in found]


@desk.post("/customers")
def create() -> tuple[dict[str, int], int]:
    asked = request.get_json()
    with session() as db:
        customer = Customer(**{field: asked.get(field) for field in FIELDS})
        db.add(customer)
        db.flush()
        if "card" in asked:
            db.add(Card(customer_id=customer.id, number=asked["card"], plan="monthly"))
        if not asked.get("email"):
            abort(422)  # leaving the block without a commit undoes the rows
        db.commit()
        crm.ring()
        return {"id": customer.id}, 201


@desk.patch("/customers/<int:key>")
def change(key: int) -> dict[str, int]:
    with session() as db:
        customer = db.get(Customer, key) or abort(404)
        for field, value in request.get_json().items():
            if field in FIELDS:
                setattr(customer, field, value)
        db.commit()
    crm.ring()
    return {"id": key}


@desk.delete("/customers/<int:key>")
def delete(key: int) -> tuple[str, int]:
    with session() as db:
        customer = db.get(Customer, key) or abort(404)
        customer.deleted_at = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        db.commit()
    crm.ring()
    return "", 204
