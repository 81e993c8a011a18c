"""Words by which a shop's tables and columns are recognised: English, Chinese, and pinyin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from connector.records import Kind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TABLES: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.CUSTOMER: _words(
        "customer client user member person people contact buyer guest account patron"
        " patient student donor shopper"
        " 客户 顾客 会员 用户 联系人 患者 学员 kehu guke huiyuan yonghu lianxiren"
    ),
    Kind.MEMBERSHIP: _words(
        "membership membercard card vipcard subscription loyalty level pass"
        " 会员卡 会籍 会员资格 卡 订阅 huiyuanka huiji ka dingyue"
    ),
    Kind.FEEDBACK: _words(
        "feedback review remark comment complaint survey rating ticket opinion suggestion"
        " 反馈 评价 评论 投诉 留言 意见 建议 fankui pingjia pinglun tousu liuyan yijian"
    ),
}
"""Table words, singular, by kind."""

COLUMNS: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.CUSTOMER: {
        "names.full": "name fullname realname truename displayname contactname 姓名 名字 名称"
        " xingming mingzi zhenshixingming 真实姓名 客户姓名 会员姓名 kehuxingming",
        "names.family": "surname lastname familyname lname 姓 姓氏 xing xingshi",
        "names.given": "givenname firstname forename fname 名 ming",
        "names.preferred": "nickname nick preferredname alias 昵称 nicheng",
        "company": "company companyname organisation organization employer 公司 单位 gongsi danwei",
        "gender": "gender sex 性别 xingbie",
        "birth_date": "birthday birthdate birth dob dateofbirth bday 生日 出生日期 出生年月 shengri"
        " chushengriqi",
        "occupation": "occupation job jobtitle profession 职业 职务 zhiye zhiwu",
        "phones.mobile": "mobile mobilephone mobileno cell cellphone phone phoneno phonenumber tel"
        " telephone 手机 手机号 手机号码 电话 联系电话 shouji shoujihao dianhua lianxidianhua",
        "phones.home": "homephone hometel 家庭电话 住宅电话 jiatingdianhua",
        "phones.work": "workphone officephone businessphone 办公电话 单位电话 bangongdianhua",
        "emails.primary": "email mail emailaddress mailaddress 邮箱 电子邮箱 电子邮件 邮件 youxiang"
        " dianziyouxiang youjian",
        "emails.other": "otheremail secondaryemail email2 备用邮箱",
        "address.country": "country countryname 国家 guojia",
        "address.province": "province state region 省 省份 sheng shengfen",
        "address.city": "city town 城市 市 chengshi",
        "address.district": "district county 区 区县 县 quxian",
        "address.street": "street address addr address1 streetaddress 地址 详细地址 街道 dizhi"
        " xiangxidizhi jiedao",
        "address.postcode": "postcode zip zipcode postalcode 邮编 邮政编码 youbian",
        "handles.wechat": "wechat wechatid weixin 微信 微信号 weixinhao",
        "source": "source leadsource origin 来源 渠道来源 laiyuan",
        "tags": "tags labels tag label 标签 biaoqian",
        "segment": "segment customergroup 分群 客户分组 fenzu",
        "lifecycle": "lifecycle stage customerstage 客户阶段 阶段 生命周期 jieduan",
        "value_tier": "valuetier grade 客户等级 等级 dengji",
        "preferred_channel": "preferredchannel contactpreference 偏好渠道",
        "do_not_contact": "donotcontact dnc 勿扰 请勿联系 wurao",
        "consent.marketing.email": "optout emailoptout nomail nomarketing unsubscribed noemail 退订"
        " tuiding",
        "created_at": "createdat created createtime dateadded registeredat registertime"
        " registrationdate 注册时间 创建时间 zhuceshijian chuangjianshijian",
        "last_contact_at": "lastcontact lastcontactat lastvisit 最近联系 上次联系时间",
    },
    Kind.MEMBERSHIP: {
        "card_no": "cardno cardnumber card cardcode memberno membershipno 卡号 会员卡号 会员号"
        " kahao huiyuankahao",
        "plan": "plan cardtype membershiptype subscriptiontype period 卡类型 卡种 会员卡类型 类型"
        " kaleixing kazhong leixing",
        "tier": "tier level memberlevel grade 等级 会员等级 级别 dengji huiyuandengji jibie",
        "points": "points score bonus balance rewardpoints integral 积分 会员积分 jifen",
        "growth": "growth growthvalue 成长值 chengzhangzhi",
        "status": "status state 状态 zhuangtai",
        "valid_from": "validfrom startdate startson starts start begindate 生效日期 开始日期"
        " 开卡日期 kaishiriqi",
        "valid_to": "validto validuntil enddate ends expires expiresat expirydate expiry 到期日期"
        " 到期日 有效期至 结束日期 daoqiriqi",
        "auto_renew": "autorenew autorenewal renew 自动续费 自动续期 zidongxufei",
        "benefits": "benefits perks 权益 quanyi",
    },
    Kind.FEEDBACK: {
        "channel": "channel via 渠道 qudao",
        "type": "type kind about feedbacktype 类型 反馈类型 leixing",
        "score": "score star stars rating points nps 评分 分数 打分 评价星数 pingfen fenshu",
        "scale": "scale outof maxscore 满分 manfen",
        "title": "title subject headline summary productname goodsname 商品名称"
        " 标题 主题 biaoti zhuti",
        "text": "text body content message comment comments remark description 内容 正文 反馈内容"
        " 评价内容 neirong",
        "status": "status state progress 状态 处理状态 zhuangtai",
        "category": "category 分类 类别 fenlei leibie",
        "assignee": "assignee handler assignedto 处理人 负责人 chuliren fuzeren",
        "resolution": "resolution reply answer response 回复 处理结果 答复 huifu",
        "collected_at": "collectedat createdat created createtime dateadded submittedat openedat"
        " 提交时间"
        " 创建时间 反馈时间 tijiaoshijian",
        "assigned_at": "assignedat assigntime 分派时间",
        "resolved_at": "resolvedat closedat 解决时间 处理时间",
        "answered_at": "answeredat repliedat 回复时间",
    },
}
"""Canonical field to its words, by kind; words are written without separators."""

CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "gender": {
        "male": "male m man 男 男性 先生 nan",
        "female": "female f woman 女 女性 女士 nv",
        "unknown": "unknown u other 未知 保密 不详",
    },
    "lifecycle": {
        "prospect": "prospect lead 潜在 潜在客户",
        "new": "new 新 新客户",
        "loyal": "loyal regular 忠诚 忠诚客户 老客户",
        "lost": "lost churned 流失 流失客户",
    },
    "plan": {
        "monthly": "monthly month 月卡 包月",
        "quarterly": "quarterly quarter 季卡 包季",
        "yearly": "yearly annual year 年卡 包年",
        "lifetime": "lifetime 终身 终身卡",
        "none": "none 无",
    },
    "membership.status": {
        "active": "active valid ok 有效 正常",
        "expired": "expired 过期 已过期 失效",
        "suspended": "suspended paused frozen 暂停 冻结",
        "cancelled": "cancelled canceled closed 取消 已取消 注销",
    },
    "feedback.type": {
        "survey": "survey 调查 问卷",
        "nps": "nps NPS",
        "complaint": "complaint 投诉",
        "suggestion": "suggestion idea 建议",
        "review": "review 评价 点评",
        "question": "question enquiry 咨询 问题",
    },
    "feedback.status": {
        "collected": "collected new open 新建 已收集 待处理",
        "classified": "classified triaged 已分类",
        "assigned": "assigned inprogress 已分派 处理中",
        "resolved": "resolved closed done 已解决 已处理 已关闭",
        "answered": "answered replied 已回复 已答复",
    },
}
"""Codes that say what they mean, by field and canonical value. They are words, nobody's data."""

_SECRET: Final = re.compile(
    r"pass(?!port)|pwd|secret|token|salt|hash|credential|apikey|privatekey|session|cookie|^otp|^pin$"
    r"|mima|密码|口令|密钥|令牌"
)
_NEVER: Final = re.compile(
    r"idcard|identity(?:no|card|number)|nationalid|^ssn$|passport|shenfenzheng|^sfz"
    r"|iban|bankcard|bankaccount|creditcard|cardcvv|^cvv|身份证|护照|银行卡|银行账号"
    r"|diagnos|medical|doctor|patientnote|health|allerg|bloodtype|religio|ethnic|sexual"
    r"|病历|病史|诊断|过敏|血型|健康|民族|宗教"
)


_LOGINS: Final = _words(
    "username userid loginname login loginid account accountname 用户名 账号 登录名"
)
"""What somebody logs in with is nobody's name, though it looks like one."""


def squeeze(name: str) -> str:
    """A name without its separators and case.

    >>> squeeze("Mobile_No"), squeeze("birthDate"), squeeze("手机号")
    ('mobileno', 'birthdate', '手机号')
    """
    return re.sub(r"[\W_]+", "", name).casefold()


def is_secret(column: str) -> bool:
    """Whether a column's name says that its values must never be read.

    Passwords and the like, identity papers, and what the law calls special: health, belief, origin.

    >>> is_secret("password_hash"), is_secret("apiToken"), is_secret("身份证号"), is_secret("name")
    (True, True, True, False)
    """
    bare = squeeze(column)
    return bool(_SECRET.search(bare) or _NEVER.search(bare))


def kinds_named(table: str) -> list[Kind]:
    """The kinds whose words a table's name holds, the longest word first.

    >>> [str(kind) for kind in kinds_named("t_member_cards")]
    ['membership', 'customer']
    """
    parts = [singular(part) for part in re.split(r"[\W_]+", table.casefold()) if part]
    bare = "".join(parts)
    found: dict[Kind, int] = {}
    for kind, words in TABLES.items():
        fitting = [
            w for w in words if w in parts or (len(w) > 4 and w in bare) or _chinese(w, bare)
        ]
        if fitting:
            found[kind] = max(len(w) * (2 if not w.isascii() else 1) for w in fitting)
    return sorted(found, key=lambda kind: -found[kind])


def _chinese(word: str, bare: str) -> bool:
    return not word.isascii() and len(word) > 1 and word in bare


def singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def field_named(kind: Kind, table: str, column: str) -> str | None:
    """The canonical field that a column's name says, with or without the table's word before it.

    >>> field_named(Kind.CUSTOMER, "customers", "cust_mobile")
    'phones.mobile'
    >>> field_named(Kind.CUSTOMER, "kehu", "shouji")
    'phones.mobile'
    """
    bare = squeeze(column)
    if bare in _LOGINS:
        return None
    own = squeeze(singular(table.casefold()))
    tries = [bare]
    for head in (own, own[:4], own[:1] if "_" in column else "", *TABLES[kind]):
        if head and bare.startswith(head) and len(bare) > len(head):
            tries.append(bare.removeprefix(head))
    for one in tries:
        for canonical, words in COLUMNS[kind].items():
            if one in words.split():
                return canonical
    return None
