"""The last look before a value leaves: whatever way it took until there, it is what was let out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from connector.local.contract import Row
from connector.mapping.translate import Pair
from connector.records import Value
from connector.store.links import Link
from connector.sync.decision import Decision, KindRules, Situation
from connector.sync.gate import Gate, gate_for
from connector.sync.outgoing import Outgoing, outgoing
from connector.sync.plan import decide
from tests.privacy.ruled import Ruled
from tests.story import C

OWN = {
    "full_name": "王伟",
    "mobile": "13800000007",
    "job": "厨师",
    "mail": "w@example.test",
    "country": "CN",
    "born": "1990-07-30",
    "abroad": 1,
}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Ruled]:
    made = Ruled(tmp_path)
    yield made
    made.close()


def scene(story: Ruled) -> tuple[Pair, Gate, Situation]:
    policy = story.setup.policy
    assert policy is not None
    local, remote = story.mappings
    gate = gate_for(
        policy,
        "crm",
        remote[C],
        local[C],
        zone="Asia/Shanghai",
        region="CN",
        today=story.clock.now().date(),
        pseudonym=partial(story.vault.pseudonym, "crm"),
    )
    pair = Pair(
        local[C],
        remote[C],
        zone="Asia/Shanghai",
        phone_region="CN",
        schema=story.vendor.schemas[C],
        leaves=gate.leaves,
        shut=gate.shut,
        beside=True,
    )
    case = Situation(Link("1", "crm", C, local_id="1"), None, Row("1", OWN), None)
    case.ruling = gate.ruling(OWN)
    return pair, gate, case


@pytest.mark.parametrize(
    ("name", "value", "goes"),
    [
        ("phones.mobile", "+8613800000007", False),
        ("phones.mobile", "138****0007", True),
        ("phones.mobile", "138****0008", False),
        ("phones.mobile", None, True),
        ("occupation", "厨师", False),
        ("emails.primary", "w@example.test", True),
        ("gender", "female", False),
    ],
)
def test_only_what_the_ruling_makes_of_the_shops_value_goes(
    story: Ruled, name: str, value: Value, goes: bool
) -> None:
    pair, gate, case = scene(story)
    found = outgoing(pair, KindRules(gate=gate), case, "remote", {name: value}, {})
    if goes:
        assert isinstance(found, Outgoing)
    else:
        assert isinstance(found, Decision) and found.letter is not None
        assert found.letter.code == "policy_untraced"
        assert str(value) not in found.letter.text


def test_nothing_goes_without_a_ruling(story: Ruled) -> None:
    pair, gate, case = scene(story)
    case.ruling = None
    decision = decide(pair, KindRules(gate=gate), case)
    assert decision.drafts == []
    assert decision.letter is not None and decision.letter.code == "policy_untraced"


def test_what_is_decided_passes_it(story: Ruled) -> None:
    pair, gate, case = scene(story)
    [draft] = decide(pair, KindRules(gate=gate), case).drafts
    assert draft.set["Mobile"] == "138****0007"
    assert "Job" not in draft.set
    assert draft.stand_ins["phones.mobile"] == {"Mobile": "138****0007"}
    assert draft.stand_ins["occupation"] == {"Job": None}
