"""The shop's tables."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables of the shop."""


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None] = mapped_column(unique=True)
    mobile: Mapped[str | None]
    city: Mapped[str | None]
    password_hash: Mapped[str] = mapped_column(default="", server_default="")
    """No mapping names it, so no query of the connector does."""
    deleted_at: Mapped[dt.datetime | None]


class Card(Base):
    __tablename__ = "cards"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    number: Mapped[str] = mapped_column(unique=True)
    plan: Mapped[str | None]
    points: Mapped[int] = mapped_column(default=0, server_default="0")
