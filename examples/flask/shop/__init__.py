"""A shop's back office on Flask and SQLAlchemy. Nothing in it but `crm.py` knows of a CRM."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from shop import crm, views
from shop.models import Base


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application. Without `config`, variables such as SHOP_DATABASE say where things are."""
    app = Flask("shop")
    app.config.from_mapping(DATABASE="sqlite:///shop.db", **deepcopy(crm.DEFAULTS))
    app.config.from_prefixed_env("SHOP")
    app.config.from_mapping(config)
    engine = create_engine(app.config["DATABASE"])  # with Flask-SQLAlchemy: db.engine
    Base.metadata.create_all(engine)
    app.extensions["sessions"] = sessionmaker(engine)
    app.register_blueprint(views.desk)
    crm.init_app(app, engine)
    return app
