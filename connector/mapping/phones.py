"""The lens for telephone numbers: E.164 where the number is a real one, else left as it is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from connector.mapping.lens import Lens, OptionError, Options, Where, known_options, plain
from connector.mapping.texts import read_text, write_text
from connector.records import Value

# Chinese mobile numbers, by far the most common: the shape alone decides, whatever blocks have been
# given out since the number library was made.
_CN_MOBILE = re.compile(r"(?:\+?86)?(1[3-9][0-9]{9})")
# Plans without a trunk digit, where a number written like this cannot be written otherwise.
_SETTLED = re.compile(r"\+861[3-9][0-9]{9}|\+852[2-9][0-9]{7}|\+65[3689][0-9]{7}|\+8869[0-9]{8}")
_SEPARATORS = re.compile(r"[\s.()\-‐-―]")


def canonical_phone(own: str, region: str | None) -> str:
    """Give E.164 for a valid number, else the text as it is.

    >>> canonical_phone("１３８-0013 8000", "CN"), canonical_phone("n/a", "CN")
    ('+8613800138000', 'n/a')
    >>> canonical_phone("85212345678", "HK")
    '85212345678'
    """
    if _SETTLED.fullmatch(own):
        return own
    return e164(own, region) or own


def e164(own: str, region: str | None) -> str | None:
    """Give E.164 for a valid number without an extension, else None."""
    bare = _SEPARATORS.sub("", plain(own))
    mobile = _CN_MOBILE.fullmatch(bare)
    if mobile is not None and (region == "CN" or bare[0] == "+"):
        return f"+86{mobile[1]}"
    if not any(sign.isdigit() for sign in bare):
        return None
    return _parsed(plain(own), region)


@lru_cache(maxsize=8192)
def _parsed(text: str, region: str | None) -> str | None:
    import phonenumbers  # lazy: it takes a tenth of a second

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    # E.164 has no room for an extension, and a number without it is another number.
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=8192)
def _national(value: str, region: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    if phonenumbers.region_code_for_number(number) != region:
        return value
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    digits = re.sub(r"[^0-9]", "", shown)
    # Only a form that reads back as the same number may stand for it.
    return digits if e164(digits, region) == value else value


def phone(options: Options, where: Where) -> Lens:
    """A telephone number, in E.164 where it is a real one; another text stays as it is.

    Options: `region` (`local` = the settings', or such as CN), `format` (e164 or national).
    """
    faults = known_options(options, "region", "format")
    region = options.get("region", "local")
    form = options.get("format", "e164")
    if region != "local" and not (isinstance(region, str) and re.fullmatch("[A-Z]{2}", region)):
        faults.append("`region` of a phone lens must be `local` or two capitals such as CN")
    if form not in ("e164", "national"):
        faults.append("`format` of a phone lens must be e164 or national")
    if faults:
        raise OptionError(*faults)
    home: str | None = where.region if region == "local" else region

    def read(own: Any) -> Value:
        # The two common forms first: a first load reads some hundred thousand of them.
        if type(own) is str and _SETTLED.fullmatch(own):
            return own
        text = read_text(own)
        return canonical_phone(text, home) if isinstance(text, str) else None

    def write_national(value: Value) -> str | None:
        text = write_text(value)
        if text is None or home is None or not text.startswith("+"):
            return text
        if home == "CN" and len(text) == 14 and _CN_MOBILE.fullmatch(text):
            return text[3:]
        return _national(text, home)

    return Lens(
        read=read,
        write=write_national if form == "national" else write_text,
        types=frozenset({"phone", "text"}),
    )
