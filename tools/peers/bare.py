"""A loop on requests that keeps nothing: the least that the same calls cost in Python."""

from __future__ import annotations

import requests
from measured import measured, told

TASK = told()
SESSION = requests.Session()


def log_in() -> None:
    asked = {key: TASK[key] for key in ("client_id", "client_secret", "refresh_token")}
    asked["grant_type"] = "refresh_token"
    answer = SESSION.post(f"{TASK['url']}/oauth/v2/token", data=asked, timeout=60).json()
    SESSION.headers["Authorization"] = f"Zoho-oauthtoken {answer['access_token']}"


def read() -> int:
    asked = {"fields": ",".join(TASK["fields"]), "per_page": "200"}
    headers = {"If-Modified-Since": TASK["since"]} if TASK.get("since") else {}
    rows = 0
    while True:
        answer = SESSION.get(
            f"{TASK['url']}/crm/v8/Contacts", params=asked, headers=headers, timeout=60
        )
        if answer.status_code in (204, 304):
            return rows
        page = answer.json()
        rows += len([{name: one.get(name) for name in TASK["fields"]} for one in page["data"]])
        if not page["info"]["more_records"]:
            return rows
        asked["page_token"] = page["info"]["next_page_token"]


def upsert() -> int:
    rows = 0
    for start in range(0, len(TASK["records"]), 100):
        body = {
            "data": TASK["records"][start : start + 100],
            "duplicate_check_fields": ["Email"],
        }
        answer = SESSION.post(f"{TASK['url']}/crm/v8/Contacts/upsert", json=body, timeout=60)
        rows += sum(one["code"] == "SUCCESS" for one in answer.json()["data"])
    return rows


log_in()
measured({"read": read, "upsert": upsert}[TASK["work"]])
