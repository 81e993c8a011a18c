"""The page of keys and backups names what there is."""

from __future__ import annotations

import re
from typing import get_args

from connector.commands.backup import backup
from connector.commands.keys import PURPOSES, keys
from connector.keeping.rotation import FOLLOWS, REFUSED
from connector.privacy.keys import KeyState, Purpose
from connector.settings.keys import KekSettings
from tools import tour

TEXT = tour.KEYS.read_text(encoding="utf-8")


def test_the_page_names_every_verb() -> None:
    for group in (keys, backup):
        for verb in group.commands:
            assert re.search(rf"\b{group.name} {verb}\b|`{verb}`", TEXT), verb


def test_every_provider_and_state_is_in_the_page() -> None:
    for provider in get_args(KekSettings.model_fields["provider"].annotation):
        assert f"| `{provider}` |" in TEXT
    assert " → ".join(KeyState) in TEXT


def test_every_purpose_may_be_asked_for_and_is_explained() -> None:
    assert set(PURPOSES) == set(Purpose)
    assert set(FOLLOWS) | set(REFUSED) | {Purpose.REF} == set(Purpose)
    assert all(f"`{purpose}`" in TEXT for purpose in Purpose)
