"""dlt's REST source, iterated without a destination; it has no way to write to a vendor."""

from __future__ import annotations

import os

import requests
from measured import measured, told

TASK = told()
os.chdir(TASK["folder"])
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

from dlt.sources.rest_api import rest_api_source  # noqa: E402 - it reads its settings on import


def token() -> str:
    asked = {key: TASK[key] for key in ("client_id", "client_secret", "refresh_token")}
    asked["grant_type"] = "refresh_token"
    answer = requests.post(f"{TASK['url']}/oauth/v2/token", data=asked, timeout=60)
    return str(answer.json()["access_token"])


def read() -> int:
    headers = {"Authorization": f"Zoho-oauthtoken {token()}"}
    if TASK.get("since"):
        headers["If-Modified-Since"] = TASK["since"]
    endpoint = {
        "path": "Contacts",
        "params": {"fields": ",".join(TASK["fields"]), "per_page": 200},
        "data_selector": "data",
        "paginator": {
            "type": "cursor",
            "cursor_path": "info.next_page_token",
            "cursor_param": "page_token",
        },
    }
    source = rest_api_source(
        {
            "client": {"base_url": f"{TASK['url']}/crm/v8/", "headers": headers},
            "resources": [{"name": "contacts", "endpoint": endpoint}],
        }
    )
    return sum(1 for _ in source.resources["contacts"])


measured({"read": read}[TASK["work"]])
