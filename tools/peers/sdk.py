"""The vendor's own SDK for Python, `zohocrmsdk8-0`, as its documentation shows it."""

from __future__ import annotations

import os
from datetime import date, datetime

from measured import measured, told
from zohocrmsdk.src.com.zoho.api.authenticator.oauth_token import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store.file_store import FileStore
from zohocrmsdk.src.com.zoho.crm.api import HeaderMap, ParameterMap
from zohocrmsdk.src.com.zoho.crm.api.dc.data_center import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.initializer import Initializer
from zohocrmsdk.src.com.zoho.crm.api.record import (
    BodyWrapper,
    GetRecordsHeader,
    GetRecordsParam,
    Record,
    RecordOperations,
    ResponseWrapper,
    SuccessResponse,
)
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig
from zohocrmsdk.src.com.zoho.crm.api.util import Choice

TASK = told()
os.chdir(TASK["folder"])
Initializer.initialize(
    environment=DataCenter.Environment(TASK["url"], TASK["url"] + "/oauth/v2/token", TASK["url"]),
    token=OAuthToken(**{k: TASK[k] for k in ("client_id", "client_secret", "refresh_token")}),
    store=FileStore("tokens.txt"),
    sdk_config=SDKConfig(auto_refresh_fields=False, pick_list_validation=False),
    resource_path=TASK["folder"],
)


def read() -> int:
    rows, token = 0, None
    headers = HeaderMap()
    if TASK.get("since"):
        headers.add(GetRecordsHeader.if_modified_since, datetime.fromisoformat(TASK["since"]))
    while True:
        asked = ParameterMap()
        asked.add(GetRecordsParam.fields, ",".join(TASK["fields"]))
        asked.add(GetRecordsParam.per_page, 200)
        if token:
            asked.add(GetRecordsParam.page_token, token)
        answer = RecordOperations("Contacts").get_records(asked, headers)
        if answer.get_status_code() in (204, 304):
            return rows
        page = answer.get_object()
        assert isinstance(page, ResponseWrapper), type(page)
        rows += len([record.get_key_values() for record in page.get_data()])
        if not page.get_info().get_more_records():
            return rows
        token = page.get_info().get_next_page_token()


def value_of(name: str, value: object) -> object:
    if name in TASK["choices"]:
        return Choice(value)
    return date.fromisoformat(str(value)) if name in TASK["dates"] else value


def upsert() -> int:
    rows = 0
    for start in range(0, len(TASK["records"]), 100):
        records = []
        for given in TASK["records"][start : start + 100]:
            record = Record()
            for name, value in given.items():
                record.add_key_value(name, value_of(name, value))
            records.append(record)
        body = BodyWrapper()
        body.set_data(records)
        body.set_duplicate_check_fields(["Email"])
        answer = RecordOperations("Contacts").upsert_records(body, HeaderMap())
        rows += sum(isinstance(one, SuccessResponse) for one in answer.get_object().get_data())
    return rows


measured({"read": read, "upsert": upsert}[TASK["work"]])
