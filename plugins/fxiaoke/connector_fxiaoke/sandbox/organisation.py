"""The default organisation: preset and custom objects. Adding a field is one line in a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from connector_fxiaoke.sandbox.refusals import Json


def _field(name: str, kind: str = "text", label: str = "", **more: Any) -> Json:
    return {"api_name": name, "type": kind, "label": label, **more}


def _fields(names: str, kind: str = "text", **more: Any) -> list[Json]:
    return [_field(name, kind, **more) for name in names.split()]


def _choice(name: str, options: str, kind: str = "select_one") -> Json:
    """`options`: values and labels by turns."""
    words = options.split()
    return _field(name, kind, options=dict(zip(words[::2], words[1::2], strict=True)))


def _reference(name: str, target: str, label: str = "") -> Json:
    return _field(name, "object_reference", label, target_api_name=target)


NAME = _field("name", label="名称", is_required=True)
KEY = _field("ext_key__c", label="外部标识", is_unique=True)
"""The external key: on every object that we keep in step."""

AREA = [
    _field("country", "country", "国家"),
    _field("province", "province", "省"),
    _field("city", "city", "市"),
    _field("district", "district", "区"),
]

PERSON_CUSTOMS: list[Json] = [
    *_fields("mobile__c home_phone__c", "phone_number"),
    _field("other_email__c", "email"),
    *_fields("wechat__c family_name__c given_name__c preferred_name__c company__c"),
    *_fields("country__c province__c city__c district__c street__c postcode__c"),
    _choice("gender__c", "male 男 female 女 unknown 未知"),
    _field("birth_date__c", "date"),
    *_fields("occupation__c source__c preferred_channel__c segment__c value_tier__c"),
    _choice("stage__c", "prospect 潜在客户 new 新客户 loyal 忠诚客户 lost 流失客户"),
    *_fields("rfm_recency__c rfm_frequency__c", "number"),
    _field("rfm_monetary__c", "currency", decimal_places=2),
    _field("churn_risk__c", "number", decimal_places=4),
    _choice(
        "tags__c",
        "VIP VIP 老客户 老客户 会员日 会员日 newsletter newsletter 企业客户 企业客户 推荐人 推荐人"
        " 生日月 生日月 高价值 高价值 待回访 待回访 门店 门店",
        "select_many",
    ),
    *_fields("registered_at__c last_contact_at__c", "date_time"),
    *_fields("do_not_contact__c marketing_email_opt_out__c", "true_or_false"),
]
"""Custom fields of whatever stands for a person."""

MEMBERSHIP_CUSTOMS: list[Json] = [
    _reference("customer__c", "AccountObj", "客户"),
    _field("tier__c"),
    _choice("plan__c", "monthly 月卡 quarterly 季卡 yearly 年卡 lifetime 终身 none 无"),
    _choice("status__c", "active 有效 expired 过期 suspended 暂停 cancelled 取消"),
    *_fields("points__c growth__c", "number"),
    *_fields("valid_from__c valid_to__c", "date"),
    _field("auto_renew__c", "true_or_false"),
    _field("benefits__c", "long_text"),
]

FEEDBACK_CUSTOMS: list[Json] = [
    _reference("customer__c", "AccountObj", "客户"),
    *_fields("channel__c category__c assignee__c"),
    _choice(
        "type__c",
        "survey 调查 nps NPS complaint 投诉 suggestion 建议 review 评价 question 咨询",
    ),
    *_fields("score__c scale__c", "number"),
    *_fields("body__c resolution__c", "long_text"),
    _choice(
        "status__c",
        "collected 已收集 classified 已分类 assigned 已分派 resolved 已解决 answered 已回复",
    ),
    *_fields("collected_at__c assigned_at__c resolved_at__c answered_at__c", "date_time"),
]

ACCOUNT: list[Json] = [
    _field("account_no", "auto_number", "客户编号"),
    _choice("account_type", "1 直客 2 渠道"),
    _choice("account_level", "1 重要 2 普通"),
    _choice("account_source", "1 转介绍 2 线上 3 门店 other 其他"),
    _field("tel", "phone_number", "电话"),
    _field("email", "email", "邮件"),
    _field("url", "url", "网址"),
    *AREA,
    _field("address", label="详细地址"),
    _field("remark", "long_text", "备注"),
    _reference("parent_account_id", "AccountObj", "上级客户"),
    _field("high_seas_id", label="公海", read_only=True),
    _choice("deal_status", "1 未成交 2 已成交"),
    _field("last_followed_time", "date_time", "最后跟进时间"),
    _field("completion_rate", "formula", "资料完善度"),
]

CONTACT: list[Json] = [
    _reference("account_id", "AccountObj", "客户"),
    *_fields("tel mobile", "phone_number"),
    _field("email", "email"),
    *_fields("job_title department"),
    _field("remark", "long_text", "备注"),
]

LEAD: list[Json] = [
    *_fields("company job_title source address"),
    *_fields("tel mobile", "phone_number"),
    _field("email", "email"),
    _field("remark", "long_text", "备注"),
    _field("leads_pool_id", label="线索池"),
    _choice("biz_status", "un_assigned 未分配 un_processed 未处理 processed 跟进中"),
    _reference("account_id", "AccountObj", "客户"),
    _reference("contact_id", "ContactObj", "联系人"),
    _field("next_followed_time", "date_time"),
]

MEMBER: list[Json] = [
    _reference("account_id", "AccountObj", "客户"),
    _field("phone", "phone_number", "手机"),
    _field("grade", label="等级"),
    *_fields("integral_value growth_value", "number"),
]

SATISFACTION: list[Json] = [
    _reference("account_id", "AccountObj", "客户"),
    _field("score", "number"),
    _field("content", "long_text", "评价内容"),
]


def _object(api_name: str, label: str, *tables: list[Json]) -> Json:
    return {
        "api_name": api_name,
        "display_name": label,
        "fields": [NAME, KEY, *(line for table in tables for line in table)],
    }


DEFAULT_OBJECTS: Final[list[Json]] = [
    _object("AccountObj", "客户", ACCOUNT, PERSON_CUSTOMS),
    _object("ContactObj", "联系人", CONTACT, PERSON_CUSTOMS),
    _object("LeadsObj", "销售线索", LEAD, PERSON_CUSTOMS),
    _object("MemberObj", "会员", MEMBER, MEMBERSHIP_CUSTOMS),
    _object("SatisfactionRecordObj", "满意度评价", SATISFACTION, FEEDBACK_CUSTOMS),
    _object("membership__c", "会员卡", MEMBERSHIP_CUSTOMS),
    _object("feedback__c", "客户反馈", FEEDBACK_CUSTOMS),
]
"""Objects of a sandbox that was told nothing else; the JSON file of `--objects` has this shape."""

POOL_FIELDS: Final[Mapping[str, str]] = {"AccountObj": "high_seas_id", "LeadsObj": "leads_pool_id"}
"""Object to the field that says in which pool a row lies."""

AREA_CODES: Final[Mapping[str, Mapping[str, str]]] = {
    "country": {"248": "中国", "249": "法国"},
    "province": {"256": "浙江", "257": "广东", "258": "四川", "259": "江苏", "260": "福建"},
    "city": {"1001": "杭州", "1002": "深圳", "1003": "成都", "1004": "南京", "1005": "厦门"},
    "district": {"2001": "西湖区", "2002": "南山区", "2003": "武侯区"},
}
"""Area type to its codes and labels; the numbers are ours, but for the country."""


def load_objects(path: Path | None) -> list[Mapping[str, Any]] | None:
    """Read `{"objects": [...]}` of an organisation of one's own."""
    if path is None:
        return None
    objects: list[Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["objects"]
    return objects
