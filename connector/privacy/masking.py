"""Masks: enough of a value to tell two apart at a glance, never the value."""

from __future__ import annotations

import re

from connector.records import Digest


def mask(value: object) -> str:
    """Mask any value for a screen. Short ones lose everything but a first letter.

    >>> mask("王伟"), mask("13800000007"), mask("lin@example.test"), mask(42), mask(None)
    ('王*', '138****0007', 'l***@example.test', '**', '∅')
    >>> mask("123"), mask("A"), mask(True), mask(frozenset({"vip"}))
    ('***', '*', '****', '{1}')
    >>> mask("1990-07-30")
    '****-**-**'
    """
    if value is None:
        return "∅"
    if isinstance(value, Digest):
        return str(value)
    if isinstance(value, set | frozenset | list | tuple):
        return f"{{{len(value)}}}"
    text = str(value)
    if re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        head, _, domain = text.partition("@")
        return f"{head[0]}***@{domain}"
    if re.match(r"\d{4}-\d\d-\d\d", text):
        return "****-**-**"
    digits = re.sub(r"\D", "", text)
    if len(digits) >= 8 and len(digits) >= len(text) - 4:
        return f"{digits[:3]}****{digits[-4:]}"
    if len(text) < 2 or not isinstance(value, str) or len(digits) > len(text) // 2:
        return "*" * min(len(text), 8)
    return text[0] + "*" * min(len(text) - 1, 7)


def plainly(value: object) -> str:
    """A value in clear, for a person who asked for it.

    >>> plainly(None), plainly(["b", "a"]), plainly("王伟")
    ('∅', 'b, a', '王伟')
    """
    if value is None:
        return "∅"
    if isinstance(value, set | frozenset):
        value = sorted(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
