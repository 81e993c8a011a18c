"""Countries, the one region that the law treats as a country, and from what age people decide.

Codes are ISO 3166-1 alpha-2. `EU` stands for the European Economic Area as a whole.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

EU: Final = "EU"


def _codes(line: str) -> frozenset[str]:
    return frozenset(line.split())


EEA: Final = _codes(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO"
)
"""The 27 member states, and the three that the GDPR holds in by the EEA agreement."""

_NAMES: Final[Mapping[str, str]] = {
    "CN": "中国|中國|中华人民共和国|china|chn|prc|p.r. china|people's republic of china",
    "HK": "香港|中国香港|hong kong|hkg",
    "MO": "澳门|中国澳门|macau|macao|mac",
    "TW": "台湾|中国台湾|臺灣|taiwan|twn",
    "SG": "新加坡|singapore|sgp",
    "JP": "日本|japan|jpn",
    "KR": "韩国|south korea|korea|kor",
    "US": "美国|united states|united states of america|usa|u.s.a.",
    "GB": "英国|united kingdom|great britain|england|uk|gbr",
    "CA": "加拿大|canada|can",
    "AU": "澳大利亚|australia|aus",
    "IN": "印度|india|ind",
    "CH": "瑞士|switzerland|schweiz|suisse|che",
    "DE": "德国|germany|deutschland|deu",
    "FR": "法国|france|fra",
    "IT": "意大利|italy|italia|ita",
    "ES": "西班牙|spain|españa|esp",
    "NL": "荷兰|netherlands|nederland|the netherlands|nld",
    "BE": "比利时|belgium|belgique|belgië|bel",
    "AT": "奥地利|austria|österreich|aut",
    "SE": "瑞典|sweden|sverige|swe",
    "DK": "丹麦|denmark|danmark|dnk",
    "FI": "芬兰|finland|suomi|fin",
    "NO": "挪威|norway|norge|nor",
    "IE": "爱尔兰|ireland|irl",
    "PL": "波兰|poland|polska|pol",
    "PT": "葡萄牙|portugal|prt",
    "GR": "希腊|greece|grc",
    "CZ": "捷克|czechia|czech republic|cze",
    "HU": "匈牙利|hungary|hun",
    "RO": "罗马尼亚|romania|rou",
}
"""The names people write most; the codes need no line."""

_BY_NAME: Final[Mapping[str, str]] = {
    name.casefold(): code for code, line in _NAMES.items() for name in line.split("|")
}

_OTHERS: Final = _codes(
    "BR MX RU TR UA TH VN MY ID PH NZ ZA AE SA IL EG AR CL CO PE KZ MN LA KH MM"
)
KNOWN: Final = EEA | frozenset(_NAMES) | _OTHERS
"""The codes that a shop's row and a policy may name; another one is an unknown country."""

ADULT_FROM: Final[Mapping[str, int]] = {
    "CN": 14,
    **dict.fromkeys(_codes("BE DK EE FI LV MT PT SE NO IS"), 13),
    **dict.fromkeys(_codes("AT BG CY ES IT LT LI"), 14),
    **dict.fromkeys(_codes("CZ FR GR SI"), 15),
}
"""From what age people consent for themselves, where that is not `ADULT_ELSEWHERE`.

China: PIPL article 31. The EEA: the age that each state chose under article 8 of the GDPR. For the
operator's own counsel to check; a policy may treat everybody of unknown age as a minor."""
ADULT_ELSEWHERE: Final = 16


def country_of(text: object) -> str | None:
    """The code of a country as people write it; None if it is none that we know.

    >>> country_of("中国"), country_of(" germany "), country_of("de"), country_of("Narnia")
    ('CN', 'DE', 'DE', None)
    """
    if not isinstance(text, str):
        return None
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain.upper() in KNOWN:
        return plain.upper()
    return _BY_NAME.get(plain.casefold())


def region_of(country: str) -> str:
    """The country, or `EU` where it is one of the area.

    >>> region_of("FR"), region_of("CN"), region_of("EU")
    ('EU', 'CN', 'EU')
    """
    return EU if country in EEA else country


def adult_from(country: str | None) -> int:
    """The age in years from which a person of a country consents alone."""
    return ADULT_FROM.get(country or "", ADULT_ELSEWHERE)
