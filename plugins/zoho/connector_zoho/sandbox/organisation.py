"""The default organisation: standard modules, custom modules, custom fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector_zoho.sandbox.refusals import Json


def _field(name: str, kind: str = "text", **more: Any) -> Json:
    return {"api_name": name, "data_type": kind, **more}


def _texts(names: str, **more: Any) -> list[Json]:
    return [_field(name, **more) for name in names.split()]


def _options(name: str, values: str, kind: str = "picklist", **more: Any) -> Json:
    return _field(name, kind, pick_list_values=values.split(), **more)


def _custom(fields: list[Json]) -> list[Json]:
    return [{**field, "custom_field": True} for field in fields]


CONNECTOR_KEY = _field(
    "Connector_Key", custom_field=True, unique={"casesensitive": "true"}, external=True
)
"""The external key: on every module that we keep in step."""

_ADDRESS = "Street City State Zip Country"

PERSON: list[Json] = [
    _field("First_Name", length=40),
    _field("Last_Name", length=80, system_mandatory=True),
    _field("Full_Name", length=255, field_read_only=True),
    _options("Salutation", "Mr. Mrs. Ms. Dr. Prof."),
    _field("Email", "email"),
    _field("Secondary_Email", "email"),
    *[_field(name, "phone") for name in ("Phone", "Mobile", "Home_Phone", "Other_Phone", "Fax")],
    _field("Email_Opt_Out", "boolean"),
    _options("Lead_Source", "Advertisement Employee_Referral Partner Seminar Web"),
    _field("Description", "textarea", textarea={"type": "large"}),
]

CONTACTS: list[Json] = [
    *PERSON,
    _field("Date_of_Birth", "date"),
    _field("Title", length=100),
    _field("Department", length=100),
    _field("Account_Name", "lookup", lookup="Accounts"),
    *_texts(" ".join(f"Mailing_{part}" for part in _ADDRESS.split())),
    *_texts(" ".join(f"Other_{part}" for part in _ADDRESS.split())),
    CONNECTOR_KEY,
    *_custom(
        [
            _options("Customer_Stage", "潜在客户 新客户 忠诚客户 流失客户"),
            _options("Gender", "男 女 未知"),
            *_texts("WeChat Preferred_Channel Value_Tier Segment Occupation District"),
            *_texts("Preferred_Name Customer_Company"),
            _field("Do_Not_Contact", "boolean"),
            _field("Customer_Created", "datetime"),
            _field("Last_Contact", "datetime"),
            _field("RFM_Recency", "integer"),
            _field("RFM_Frequency", "integer"),
            _field("RFM_Monetary", "currency"),
            _field("Churn_Risk", "double", decimal_place=4),
            _options("Customer_Tags", "VIP 老客户 会员日 newsletter", "multiselectpicklist"),
        ]
    ),
]

ACCOUNTS: list[Json] = [
    _field("Account_Name", length=200, system_mandatory=True),
    _field("Account_Number", "bigint"),
    _field("Phone", "phone"),
    _field("Website", "website"),
    _field("Description", "textarea", textarea={"type": "large"}),
    CONNECTOR_KEY,
]

LEADS: list[Json] = [*PERSON, _field("Company", length=200), CONNECTOR_KEY]

CASES: list[Json] = [
    _field("Case_Number", "autonumber"),
    _field("Subject", system_mandatory=True),
    _options("Status", "New On_Hold Escalated Closed", system_mandatory=True),
    _options("Case_Origin", "Email Phone Web", system_mandatory=True),
    _options("Type", "Problem Feature_Request Question"),
    _options("Priority", "High Medium Low"),
    _options("Case_Reason", "User_did_not_attend_any_training Complex_functionality New_problem"),
    _field("Related_To", "lookup", lookup="Contacts"),
    _field("Account_Name", "lookup", lookup="Accounts"),
    _field("Email", "email"),
    _field("Phone", "phone"),
    _field("Reported_By"),
    _field("Description", "textarea", textarea={"type": "large"}),
    _field("Solution", "textarea", textarea={"type": "large"}),
    _field("Internal_Comments", "textarea", textarea={"type": "large"}),
    CONNECTOR_KEY,
]

MEMBERSHIPS: list[Json] = [
    _field("Name", length=120, system_mandatory=True),
    CONNECTOR_KEY,
    *_custom(
        [
            *_texts("Card_No Tier"),
            _field("Customer", "lookup", lookup="Contacts"),
            _options("Plan", "月卡 季卡 年卡 终身 无"),
            _field("Points", "integer"),
            _field("Growth", "integer"),
            _options("Membership_Status", "有效 过期 暂停 取消"),
            _field("Valid_From", "date"),
            _field("Valid_To", "date"),
            _field("Auto_Renew", "boolean"),
            _options("Benefits", "包邮 生日礼 折扣 专属客服", "multiselectpicklist"),
        ]
    ),
]

FEEDBACKS: list[Json] = [
    _field("Name", length=120, system_mandatory=True),
    CONNECTOR_KEY,
    *_custom(
        [
            _field("Customer", "lookup", lookup="Contacts"),
            *_texts("Channel Category Assignee"),
            _options("Feedback_Type", "调查 NPS 投诉 建议 评价 咨询"),
            _field("Score", "integer"),
            _field("Scale", "integer"),
            _field("Body", "textarea", textarea={"type": "large"}),
            _field("Resolution", "textarea", textarea={"type": "large"}),
            _options("Feedback_Status", "已收集 已分类 已分派 已解决 已回复"),
            *[
                _field(name, "datetime")
                for name in ("Collected_At", "Assigned_At", "Resolved_At", "Answered_At")
            ],
        ]
    ),
]

DEFAULT_MODULES: list[Json] = [
    {"api_name": "Leads", "generated_type": "default", "fields": LEADS},
    {"api_name": "Accounts", "generated_type": "default", "fields": ACCOUNTS},
    {"api_name": "Contacts", "generated_type": "default", "fields": CONTACTS},
    {"api_name": "Cases", "generated_type": "default", "fields": CASES},
    {"api_name": "Memberships", "generated_type": "custom", "fields": MEMBERSHIPS},
    {"api_name": "Feedbacks", "generated_type": "custom", "fields": FEEDBACKS},
]
"""Modules of a sandbox that was told nothing else; the JSON file of `--modules` has this shape."""


def load_modules(path: Path | None) -> list[Mapping[str, Any]] | None:
    """Read `{"modules": [...]}` (or the list alone) of an organisation of one's own."""
    if path is None:
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    modules: list[Mapping[str, Any]] = told["modules"] if isinstance(told, dict) else told
    return modules
