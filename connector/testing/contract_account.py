"""What must be true of a remote that lists its account's objects."""

from __future__ import annotations

import pytest

from connector.account import ListsObjects, MissingField, SetsUp
from connector.errors import RejectedError, SchemaDriftError
from connector.testing.lab import Lab, needs

NOWHERE = "Crm_Connector_Nothing"
"""The name of an object that no account has."""


def lists(lab: Lab) -> ListsObjects:
    """The remote, if it can; else the test is skipped by name."""
    remote = lab.remote
    needs(isinstance(remote, ListsObjects), "ListsObjects")
    assert isinstance(remote, ListsObjects)
    return remote


class AccountContract:
    """Derived from by `PluginContract`."""

    def test_each_object_is_listed_once_and_the_mapped_one_is_among_them(self, lab: Lab) -> None:
        names = [one.name for one in lists(lab).objects()]
        assert len(names) == len(set(names))
        assert lab.target.object in names

    def test_the_rights_in_the_list_are_those_of_the_description(self, lab: Lab) -> None:
        (mine,) = [one for one in lists(lab).objects() if one.name == lab.target.object]
        for word in ("can_read", "can_create", "can_update", "can_remove"):
            assert getattr(mine, word) in (None, getattr(lab.schema, word))

    def test_any_listed_object_can_be_described_by_its_name(self, lab: Lab) -> None:
        again = lists(lab).describe_object(lab.target.object)
        assert again.fingerprint == lab.remote.describe(lab.kind).fingerprint

    def test_an_object_that_is_not_there_is_an_error_of_ours(self, lab: Lab) -> None:
        with pytest.raises((SchemaDriftError, RejectedError)):
            lists(lab).describe_object(NOWHERE)

    def test_counted_records_are_all_there_are_and_uncounted_ones_are_not_told(
        self, lab: Lab
    ) -> None:
        remote, name = lists(lab), lab.target.object
        assert all(one.records is None for one in remote.objects())
        before = _count(remote, name)
        needs(before is not None, "ListsObjects: counting is cheap")
        lab.create()
        lag = lab.can.feed_lag
        lab.within(lag, lambda: _count(remote, name) == (before or 0) + 1, "the count is too low")

    def test_a_field_is_made_once_and_is_there_afterwards(self, lab: Lab) -> None:
        remote = lab.remote
        needs(isinstance(remote, SetsUp), "SetsUp")
        assert isinstance(remote, SetsUp)
        wanted = MissingField(
            object=lab.target.object,
            name="Kit_Field",
            label_en="Kit",
            label_zh="测试",
            type="text",
            max_length=40,
        )
        assert remote.by_hand(wanted) == ""
        assert remote.make_field(wanted).state == "made"
        info = lab.remote.describe(lab.kind).fields[wanted.name]
        assert (info.type, info.max_length) == ("text", 40)
        assert remote.make_field(wanted).state == "there"


def _count(remote: ListsObjects, name: str) -> int | None:
    return next(one.records for one in remote.objects(count=[name]) if one.name == name)
