"""Words and codes by which columns are recognised that no canonical field names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.records import Kind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DELETED: Final = _words(
    "isdeleted deleted isdel delflag deleteflag removed isremoved shanchu 已删除 删除标志 是否删除"
)
DELETED_AT: Final = _words("deletedat deletetime deletedon deleteat removedat 删除时间")
"""Columns by which shops mark a deleted row: a flag, or a time."""

MODIFIED: Final = _words(
    "updatedat updatetime updated updatedon updatedate modified modifiedat modifytime modifiedon"
    " lastmodified lastupdated lastupdate changedat datemodified gmtmodified gmtupdate mtime"
    " 更新时间 修改时间 最后修改时间 gengxinshijian xiugaishijian"
)
"""Columns with the time of a row's last change."""

HIDDEN: Final = _words(
    "showstatus isshow isvisible visible ispublished published approved isapproved 显示状态"
)
"""Flags of rows that a shop keeps to itself: they may be out of scope."""

NAMES: Final = _words("name title label displayname mingcheng 名称 名字")
"""Columns of a small table that name its entries; a table's own word may stand before it."""

LEDGERS: Final = _words(
    "points point score bonus reward rewardpoints integral integration jifen 积分"
)
"""Words of a ledger of points, as its table or its column has them."""
AMOUNTS: Final = _words(
    "amount change delta value quantity num points point score bonus jifen 积分"
)
"""Columns of such a ledger that are added up."""

INNER: Final[Mapping[str, str]] = {
    "card_no": "cardno cardnumber cardcode memberno membercode membershipno vipno vipcard 卡号"
    " 会员卡号 会员号 会员编号 kahao huiyuankahao",
    "tier": "tier memberlevel viplevel membergrade membertier level 会员等级 会员级别"
    " huiyuandengji",
    "points": "points rewardpoints memberpoints integral jifen 积分 会员积分",
    "growth": "growth growthvalue growthpoint 成长值 chengzhangzhi",
    "valid_from": "membersince memberstart vipstart cardstart 开卡日期",
    "valid_to": "memberuntil memberexpires memberexpiry vipuntil vipexpires vipend cardexpiry"
    " membershipend 会员到期 会员到期日 会员到期时间 到期日期",
    "status": "memberstatus membershipstatus vipstatus 会员状态",
    "plan": "memberplan membershiptype cardtype viptype 卡类型 会员卡类型",
}
"""A membership's fields in the customers' rows: only words that cannot mean the customer."""

READ_ONLY: Final[Mapping[str, str]] = {
    "created_at": "only the shop sets it",
    "collected_at": "only the shop sets it",
    "points": "points are counted in the shop",
    "growth": "growth is counted in the shop",
}
"""Fields that travel towards the vendor only, and why."""

MATCHED: Final = ("phones.mobile", "emails.primary", "names.full", "names.preferred")
"""What may tell whose row it is where no key does; the surer one first."""

MANDATORY: Final[Mapping[Kind, tuple[frozenset[str], str]]] = {
    Kind.CUSTOMER: (frozenset({"names.full", "names.family"}), "a name"),
    Kind.MEMBERSHIP: (frozenset({"card_no"}), "a card number"),
    Kind.FEEDBACK: (frozenset({"title"}), "a title"),
}
"""One of these fields is wanted by every vendor; what it is called."""

OPPOSITE: Final[Mapping[str, str]] = {
    "0": "1",
    "n": "y",
    "N": "Y",
    "no": "yes",
    "f": "t",
    "false": "true",
    "False": "True",
    "否": "是",
}
"""What a flag holds where it is set, by what it holds where it is not."""
