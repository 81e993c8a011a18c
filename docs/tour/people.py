"""The people of the tour: the shop's staff, who change its database, and a clerk in the CRM.

    python people.py shop "UPDATE customers SET city = '上海' WHERE id = 1"
    python people.py crm Last_Name=Moreau Email=anna@example.test
    python people.py new Last_Name=Moreau City=Lyon

The clerk finds the one contact that has the first value and types in the others, in the sandbox
that `connector.toml` names; `new` makes one, and prints its id. Neither knows of the connector.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def shop(sql: str) -> None:
    """Run statements in the shop's database."""
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.executescript(sql)


def clerk(find: str, *changes: str) -> None:
    """Edit one contact by hand."""
    name, value = find.split("=", 1)
    contacts = _admin("records", module="Contacts")
    (found,) = (one for one in contacts if one[name] == value)
    fields = dict(change.split("=", 1) for change in changes)
    _admin("edit", module="Contacts", id=found["id"], fields=fields)


def new(*values: str) -> None:
    """Make one contact by hand, as an earlier integration might have."""
    fields = dict(value.split("=", 1) for value in values)
    print(_admin("create", module="Contacts", fields=fields))


def _admin(action: str, **asked: Any) -> Any:
    settings = tomllib.loads(Path("connector.toml").read_text(encoding="utf-8"))
    line = http.client.HTTPConnection(urlsplit(settings["connections"]["zoho"]["api_url"]).netloc)
    with closing(line):
        line.request("POST", f"/admin/{action}", json.dumps(asked).encode())
        answer = json.load(line.getresponse())
    return answer["result"]


if __name__ == "__main__":
    side, first, *more = sys.argv[1:]
    if side == "shop":
        shop(first)
    elif side == "new":
        new(first, *more)
    else:
        clerk(first, *more)
