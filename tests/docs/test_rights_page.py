"""The page on a person's rights names every verb of theirs."""

from __future__ import annotations

import re

from connector.commands.privacy import VERBS as OF_PRIVACY
from tools import tour

TEXT = tour.RIGHTS.read_text(encoding="utf-8")


def test_the_page_names_every_verb_of_rights_and_no_other() -> None:
    named = set(re.findall(r"crm-connector privacy ([a-z]\w*)", TEXT))
    told = {
        verb
        for verb, (where, _) in OF_PRIVACY.items()
        if where.startswith(("rights:", "auditing:"))
    }
    assert named == told
