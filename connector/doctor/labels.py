"""What people's screens call a canonical field and a choice's values, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.records import Kind

LINE: Final = 100
"""Signs that one line of text should have room for."""
PAGE: Final = 2_000
"""Signs that people's own words should have room for."""


@dataclass(frozen=True, slots=True)
class Label:
    """A field's names, the length its texts need, and the decimals its numbers have."""

    en: str
    zh: str
    length: int = LINE
    decimals: int = 2


FIELDS: Final[Mapping[Kind, Mapping[str, Label]]] = {
    Kind.CUSTOMER: {
        "names.full": Label("Name", "姓名"),
        "names.family": Label("Family name", "姓"),
        "names.given": Label("Given name", "名"),
        "names.preferred": Label("Preferred name", "称呼"),
        "type": Label("Person or company", "个人或公司"),
        "company": Label("Company", "公司"),
        "gender": Label("Gender", "性别"),
        "birth_date": Label("Birth date", "出生日期"),
        "occupation": Label("Occupation", "职业"),
        "phones.mobile": Label("Mobile phone", "手机号"),
        "phones.home": Label("Home phone", "家庭电话"),
        "phones.work": Label("Work phone", "办公电话"),
        "emails.primary": Label("E-mail", "电子邮箱"),
        "emails.other": Label("Other e-mail", "备用邮箱"),
        "address.country": Label("Country", "国家"),
        "address.province": Label("Province", "省份"),
        "address.city": Label("City", "城市"),
        "address.district": Label("District", "区县"),
        "address.street": Label("Street address", "详细地址"),
        "address.postcode": Label("Postcode", "邮政编码"),
        "handles.wechat": Label("WeChat", "微信号"),
        "handles.other": Label("Other handle", "其他账号"),
        "source": Label("Source", "客户来源"),
        "owner": Label("Owner", "负责人"),
        "segment": Label("Segment", "客户分群"),
        "value_tier": Label("Value tier", "价值等级"),
        "preferred_channel": Label("Preferred channel", "偏好渠道"),
        "tags": Label("Tags", "客户标签"),
        "lifecycle": Label("Customer stage", "客户阶段"),
        "rfm.recency": Label("RFM recency", "最近消费间隔（R）"),
        "rfm.frequency": Label("RFM frequency", "消费频率（F）"),
        "rfm.monetary": Label("RFM monetary", "消费金额（M）"),
        "churn_risk": Label("Churn risk", "流失风险", decimals=4),
        "do_not_contact": Label("Do not contact", "请勿联系"),
        "created_at": Label("Customer since", "注册时间"),
        "last_contact_at": Label("Last contact", "最近联系时间"),
    },
    Kind.MEMBERSHIP: {
        "customer": Label("Customer", "客户"),
        "card_no": Label("Card number", "会员卡号"),
        "tier": Label("Tier", "会员等级"),
        "plan": Label("Plan", "会员卡类型"),
        "status": Label("Status", "会员状态"),
        "points": Label("Points", "积分"),
        "growth": Label("Growth value", "成长值"),
        "valid_from": Label("Valid from", "生效日期"),
        "valid_to": Label("Valid to", "到期日期"),
        "auto_renew": Label("Auto-renewal", "自动续费"),
        "benefits": Label("Benefits", "会员权益", PAGE),
    },
    Kind.FEEDBACK: {
        "customer": Label("Customer", "客户"),
        "channel": Label("Channel", "反馈渠道"),
        "type": Label("Feedback type", "反馈类型"),
        "score": Label("Score", "评分"),
        "scale": Label("Highest score", "满分"),
        "title": Label("Title", "标题"),
        "text": Label("Text", "反馈内容", PAGE),
        "status": Label("Feedback status", "处理状态"),
        "category": Label("Category", "反馈分类"),
        "assignee": Label("Assignee", "处理人"),
        "resolution": Label("Resolution", "处理结果", PAGE),
        "collected_at": Label("Collected at", "收集时间"),
        "assigned_at": Label("Assigned at", "分派时间"),
        "resolved_at": Label("Resolved at", "解决时间"),
        "answered_at": Label("Answered at", "回复时间"),
    },
}
"""Canonical field to its label. Consents and `custom.*` have theirs from `label_of`."""

CHOICES: Final[Mapping[str, tuple[str, str]]] = {
    "person": ("Person", "个人"),
    "company": ("Company", "公司"),
    "male": ("Male", "男"),
    "female": ("Female", "女"),
    "unknown": ("Unknown", "未知"),
    "prospect": ("Prospect", "潜在客户"),
    "new": ("New", "新客户"),
    "loyal": ("Loyal", "忠诚客户"),
    "lost": ("Lost", "流失客户"),
    "monthly": ("Monthly", "月卡"),
    "quarterly": ("Quarterly", "季卡"),
    "yearly": ("Yearly", "年卡"),
    "lifetime": ("Lifetime", "终身"),
    "none": ("None", "无"),
    "active": ("Active", "有效"),
    "expired": ("Expired", "过期"),
    "suspended": ("Suspended", "暂停"),
    "cancelled": ("Cancelled", "取消"),
    "survey": ("Survey", "调查"),
    "nps": ("NPS", "NPS"),
    "complaint": ("Complaint", "投诉"),
    "suggestion": ("Suggestion", "建议"),
    "review": ("Review", "评价"),
    "question": ("Question", "咨询"),
    "collected": ("Collected", "已收集"),
    "classified": ("Classified", "已分类"),
    "assigned": ("Assigned", "已分派"),
    "resolved": ("Resolved", "已解决"),
    "answered": ("Answered", "已回复"),
    "granted": ("Granted", "已同意"),
    "denied": ("Denied", "已拒绝"),
    "withdrawn": ("Withdrawn", "已撤回"),
}
"""Canonical value of a choice to its names; no value means two things in two fields."""

KEY: Final = Label("Connector key", "连接器标识")
"""The field of our external key."""

_WORDS: Final[Mapping[str, str]] = {
    "marketing": "营销",
    "service": "服务",
    "analytics": "分析",
    "email": "邮件",
    "sms": "短信",
    "phone": "电话",
    "wechat": "微信",
    "post": "信件",
}


def label_of(kind: Kind, name: str) -> Label:
    """The label of any canonical field.

    >>> label_of(Kind.CUSTOMER, "consent.marketing.email").zh
    '营销（邮件）意愿'
    >>> label_of(Kind.MEMBERSHIP, "custom.hall").en
    'hall'
    """
    known = FIELDS[kind].get(name)
    if known is not None:
        return known
    family, *parts = name.split(".")
    if family == "consent":
        purpose, channel = parts
        zh = f"{_WORDS.get(purpose, purpose)}（{_WORDS.get(channel, channel)}）意愿"
        return Label(f"Consent to {purpose} by {channel}", zh)
    return Label(parts[-1], parts[-1])


def opt_out_label(name: str) -> Label:
    """The label of a check box that holds a no to `consent.PURPOSE.CHANNEL`.

    >>> opt_out_label("consent.marketing.email").zh
    '退订营销（邮件）'
    """
    _, purpose, channel = name.split(".")
    zh = f"退订{_WORDS.get(purpose, purpose)}（{_WORDS.get(channel, channel)}）"
    return Label(f"No {purpose} by {channel}", zh)
