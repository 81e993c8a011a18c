"""The page of keys and backups runs as it is printed, and names what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from connector.commands.backup import backup
from connector.commands.group import VERBS
from connector.commands.keys import PURPOSES, keys
from connector.keeping.rotation import FOLLOWS, REFUSED
from connector.privacy.keys import KeyState, Purpose
from connector.settings.keys import KekSettings
from tools import tour

TEXT = tour.KEYS.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    for shown, now in tour.play(TEXT, tmp_path):
        assert tour.stable(now.output) == tour.stable(shown.output), shown.command


def test_the_page_names_every_verb_and_none_that_is_not_there() -> None:
    assert set(re.findall(r"crm-connector ([a-z]\w*)", TEXT)) <= set(VERBS)
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


def test_the_page_shows_no_path_of_a_machine() -> None:
    assert re.findall(r"(?<![\w.…])/(?:tmp|home|root|work|usr|var)\b", TEXT) == []
