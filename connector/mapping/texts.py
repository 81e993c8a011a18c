"""The lenses for text, e-mail addresses, tags, references and constants."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from connector.mapping.lens import (
    Lens,
    OptionError,
    Options,
    Refusal,
    Where,
    as_text,
    known_options,
    or_none,
    storable,
)
from connector.records import Kind, Value


def write_text(value: Value) -> str | None:
    if type(value) is str:
        return value if value.isprintable() else storable(value)
    return None if value is None else storable(as_text(value))


def read_text(own: Any) -> Value:
    if type(own) is str:
        return None if not own or own.isspace() else own
    return None if own is None else or_none(as_text(own))


def tidy(value: Value) -> Value:
    """What a vendor that normalises makes of text: one kind of line end, no blanks at the end.

    >>> tidy("a\\r\\nb \\n")
    'a\\nb'
    """
    if not isinstance(value, str):
        return value
    return or_none(value.replace("\r\n", "\n").replace("\r", "\n").rstrip())


def text(options: Options, where: Where) -> Lens:
    """Text as it is; blank text is empty."""
    if faults := known_options(options):
        raise OptionError(*faults)
    types = frozenset({"text", "email", "phone", "choice"})
    return Lens(read=read_text, write=write_text, normalise=tidy, types=types)


# --- e-mail -------------------------------------------------------------------------------------

_PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
)


def canonical_email(text: str) -> str:
    """Trim an address and fold the case of its domain; the part before `@` is its owner's.

    >>> canonical_email(" Lin.Mo@Example.TEST ")
    'Lin.Mo@example.test'
    """
    text = text.strip()
    if _PLAIN_EMAIL.fullmatch(text):
        before, _, domain = text.rpartition("@")
        return f"{before}@{domain.lower()}"
    return _unusual_email(text) or text


@lru_cache(maxsize=4096)
def _unusual_email(text: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email  # lazy: 60 ms nobody else pays

    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError):
        return None
    # Its own idea of the address must be stable, or the law of the lens would not hold.
    again = f"{found.local_part}@{found.domain.lower()}"
    return again if again.count("@") == 1 else None


def email_identity(value: str) -> str | None:
    """Normalise for matching (`email/1`): NFKC, trimmed, case folded, domain in IDNA; or None.

    >>> email_identity("Ｌin@Example.TEST")
    'lin@example.test'
    >>> email_identity("n/a") is None
    True
    """
    folded = unicodedata.normalize("NFKC", value).strip().casefold()
    if _PLAIN_EMAIL.fullmatch(folded):
        return folded
    if _unusual_email(folded) is None:
        return None
    import idna

    before, _, domain = folded.rpartition("@")
    try:
        return f"{before}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except (idna.IDNAError, UnicodeError):
        return None


def email(options: Options, where: Where) -> Lens:
    """An address, trimmed, its domain in small letters; a text that is none stays as it is."""
    if faults := known_options(options):
        raise OptionError(*faults)

    def read(own: Any) -> Value:
        found = read_text(own)
        return None if found is None else or_none(canonical_email(as_text(found)))

    def fold(value: Value) -> Value:
        return value.strip().lower() if isinstance(value, str) else value

    types = frozenset({"email", "text"})
    return Lens(read=read, write=write_text, normalise=fold, types=types)


# --- tags ---------------------------------------------------------------------------------------


def tags(options: Options, where: Where) -> Lens:
    """A set of tags: a list (`as: list`), text with a `separator`, or JSON text (`as: json`)."""
    faults = known_options(options, "as", "separator")
    form = options.get("as", "list" if where.side == "remote" else "text")
    separator = options.get("separator", ",")
    if form not in ("list", "text", "json"):
        faults.append("`as` of a tags lens must be list, text or json")
    if not isinstance(separator, str) or not separator or separator.isspace():
        faults.append('`separator` of a tags lens must be text such as ","')
    if faults:
        raise OptionError(*faults)

    def parts_of(own: Any) -> list[Any]:
        if isinstance(own, list | tuple | set | frozenset):
            return list(own)
        plain = as_text(own)
        if form == "json":
            try:
                found = json.loads(plain)
            except (ValueError, RecursionError):
                return [plain]
            return found if isinstance(found, list) else [plain]
        return plain.split(separator) if form == "text" else [plain]

    def read(own: Any) -> Value:
        if own is None:
            return None
        named = (item.get("name") if isinstance(item, dict) else item for item in parts_of(own))
        found = frozenset(as_text(item).strip() for item in named if item is not None) - {""}
        return found or None

    def write(value: Value) -> Any:
        if value is None:
            return None
        items = sorted(value) if isinstance(value, frozenset) else [as_text(value)]
        for item in items:
            storable(item)
            if form == "text" and separator in item:
                raise Refusal("separator", "a tag holds the sign that separates tags here")
        if form == "list":
            return items
        return json.dumps(items, ensure_ascii=False) if form == "json" else separator.join(items)

    types = frozenset({"tags"} if form == "list" else {"text"})
    return Lens(read=read, write=write, types=types)


# --- references and constants -------------------------------------------------------------------


def reference(options: Options, where: Where) -> Lens:
    """Another record of ours, by the side's own id as text. The engine swaps ids between sides.

    Option `kind`: of which kind that record is. Option `as`, at a vendor: how it is written,
    `object` (`{"id": …}`, if left out) or bare `id`.
    """
    faults = known_options(options, "kind", "as")
    if options.get("kind") not in tuple(Kind):
        faults.append(f"a reference lens needs `kind`, one of {', '.join(Kind)}")
    form = options.get("as", "object")
    if form not in ("object", "id") or (where.side == "local" and "as" in options):
        faults.append("`as` of a reference lens must be object or id, and stands at a vendor only")
    if faults:
        raise OptionError(*faults)
    shape: Callable[[str], Any]
    if where.side == "remote":
        shape = _lookup if form == "object" else str
    elif where.type == "text":
        shape = str
    else:
        shape = _key

    def read(own: Any) -> Value:
        if isinstance(own, dict):
            own = own.get("id")
        if own is None:
            return None
        return or_none(as_text(own).strip())

    def write(value: Value) -> Any:
        return None if value is None else shape(storable(as_text(value)))

    return Lens(read=read, write=write, types=frozenset({"reference"}))


def _lookup(id_: str) -> dict[str, str]:
    return {"id": id_}


def _key(id_: str) -> int | str:
    # "007" is a text key: only digits that survive the way back are a number.
    digits = id_.isascii() and id_.isdigit() and (id_ == "0" or id_[0] != "0") and len(id_) < 19
    return int(id_) if digits else id_


def constant(options: Options, where: Where) -> Lens:
    """The same value for every record. `options` is `{"value": …}`."""
    value = options.get("value")
    if value is None or isinstance(value, dict | list):
        raise OptionError("a constant lens needs its value: `lens: {constant: VALUE}`")

    return Lens(read=read_text, write=lambda _: value, options=(as_text(value),))
