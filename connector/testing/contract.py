"""What must be true of every vendor plugin, as tests.

A plugin's test derives from `PluginContract` and overrides the fixtures `remote`, `hands` and
`target`. A capability that is off skips its tests and says so. Only this folder imports pytest.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.plugin import Fields, Remote, Target
from connector.records import Kind
from connector.testing.contract_account import AccountContract
from connector.testing.contract_bulk import BulkContract
from connector.testing.contract_reads import ReadContract
from connector.testing.contract_writes import WriteContract
from connector.testing.hands import Hands
from connector.testing.lab import Lab
from connector.testing.samples import sample_fields

__all__ = ["Lab", "PluginContract"]


class PluginContract(WriteContract, ReadContract, BulkContract, AccountContract):
    """Derive from it, override `remote`, `hands`, `target`, and more where the vendor differs."""

    @pytest.fixture
    def remote(self) -> Remote:
        """An open account, best one of its own for each test."""
        raise AssertionError("override the fixture `remote`")

    @pytest.fixture
    def hands(self) -> Hands:
        """People in the same account."""
        raise AssertionError("override the fixture `hands`")

    @pytest.fixture
    def target(self) -> Target:
        """What the remote was opened with for `kind`."""
        raise AssertionError("override the fixture `target`")

    @pytest.fixture
    def kind(self) -> Kind:
        return Kind.CUSTOMER

    @pytest.fixture
    def many(self) -> int:
        """Some records more than one page of the remote holds."""
        return 7

    @pytest.fixture
    def sample(self, remote: Remote, target: Target, kind: Kind) -> Callable[[int], Fields]:
        """Own fields of the n-th invented record."""
        schema = remote.describe(kind)
        return lambda number: sample_fields(schema, target.fields, number)

    @pytest.fixture
    def lab(
        self,
        remote: Remote,
        hands: Hands,
        target: Target,
        kind: Kind,
        sample: Callable[[int], Fields],
    ) -> Lab:
        schema = remote.describe(kind)
        return Lab(
            remote=remote, hands=hands, kind=kind, target=target, schema=schema, sample=sample
        )

    # --- the account ----------------------------------------------------------------------------

    def test_the_account_has_one_name_that_stays(self, lab: Lab) -> None:
        assert lab.remote.account
        assert lab.remote.account == lab.remote.account

    def test_the_schema_knows_every_mapped_field_and_keeps_its_mark(self, lab: Lab) -> None:
        again = lab.remote.describe(lab.kind)
        assert again.object == lab.target.object
        assert set(lab.target.fields) <= set(again.fields)
        assert again.fingerprint == lab.schema.fingerprint
        for name, info in again.fields.items():
            assert info.name == name
            assert info.type
