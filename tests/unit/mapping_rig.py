"""A local mapping and a vendor's, the schema of its account, and a row."""

from pathlib import Path
from typing import Any

from connector.mapping.load import load_local, load_vendor
from connector.mapping.translate import Pair
from connector.plugin import FieldInfo, Schema

LOCAL = """\
  names.full: {column: name, lens: text}
  phones.mobile: {column: mobile, lens: phone}
  emails.primary: {column: email, lens: email}
  gender: {column: sex, lens: {choice: {male: 1, female: 2, unknown: 0}}}
  birth_date: {column: birthday, lens: date}
  last_contact_at: {column: seen, lens: {datetime: {zone: America/New_York}}}
  tags: {column: labels, lens: tags}
  address.city: {column: city, lens: text}
  address.street: {column: street, lens: text}
  source: {column: origin, lens: text, direction: push}
  segment: {column: segment, lens: text}
  occupation: {column: job, lens: text, policy: local}
  custom.shoe: {column: shoe, lens: text}
  consent.marketing.email: {column: news, lens: {flag: {true: granted, false: denied}}}
"""
VENDOR = """\
  names.family: {field: Last, lens: text, policy: local, vendor_normalises: true}
  names.given: {field: First, lens: text, policy: local, vendor_normalises: true}
  phones.mobile: {field: Mobile, lens: phone, vendor_normalises: true}
  emails.primary: {field: Mail, lens: email, vendor_normalises: true}
  gender: {field: Sex, lens: {choice: {male: 男, female: 女, else: 未知}}}
  birth_date: {field: Born, lens: date, policy: newest, time: Born_At}
  last_contact_at: {field: Seen, lens: datetime, policy: max}
  tags: {field: Tags, lens: tags, policy: union}
  address.city: {field: City, lens: text, vendor_normalises: true}
  address.street: {field: Street, lens: text, vendor_normalises: true}
  source: {field: Source, lens: text}
  segment: {field: Segment, lens: text, direction: pull}
  occupation: {field: Job, lens: text}
  custom.shoe: {field: Shoe, lens: text}
  company: {field: Company, lens: text}
  consent.marketing.email: {field: Opt_Out, lens: {flag: {true: withdrawn, false: unknown}}}
  constant.kind: {field: Record_Kind, lens: {constant: 会员}}
"""
LOCAL_TIMED = LOCAL.replace("birthday, lens: date", "birthday, lens: date, time: born_at")
ROW: dict[str, Any] = {
    "name": "欧阳娜娜",
    "mobile": "１３８００１３８０００",
    "email": "Lin@Example.test",
    "sex": 2,
    "birthday": "1990-02-03",
    "seen": "2024-11-03 01:30:00",
    "labels": "b, a",
    "city": " ",
    "street": "南山路 1 号\r\n二楼 ",
    "origin": "门店",
    "segment": None,
    "job": "教师",
    "shoe": "38",
    "news": 1,
}


def pair(
    folder: Path,
    local: str = LOCAL_TIMED,
    vendor: str = VENDOR,
    schema: Schema | None = None,
    kind: str = "customer",
    match: str = "[emails.primary, phones.mobile]",
) -> Pair:
    (folder / "l.yaml").write_text(f"kind: {kind}\nfields:\n{local}")
    (folder / "v.yaml").write_text(f"kind: {kind}\nobject: P\nmatch: {match}\nfields:\n{vendor}")
    return Pair(
        load_local(folder / "l.yaml"),
        load_vendor(folder / "v.yaml"),
        zone="Asia/Shanghai",
        phone_region="CN",
        schema=schema,
    )


def schema(*infos: FieldInfo) -> Schema:
    """An account where all fields of VENDOR are there, `infos` as given."""
    types = {
        "Mobile": "phone",
        "Mail": "email",
        "Sex": "choice",
        "Born": "date",
        "Seen": "datetime",
    }
    types |= {"Born_At": "datetime", "Tags": "tags", "Opt_Out": "flag"}
    texts = "Last First City Street Source Segment Job Shoe Company Record_Kind"
    types |= dict.fromkeys(texts.split(), "text")
    fields = {name: FieldInfo(name=name, type=type_) for name, type_ in types.items()}
    return Schema(object="P", fields=fields | {info.name: info for info in infos})
