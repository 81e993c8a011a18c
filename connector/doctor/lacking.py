"""Which fields one kind of a connection still needs in the account, for `doctor` and `setup`."""

from __future__ import annotations

from connector.account import MissingField
from connector.app import Connector
from connector.doctor.missing import missing_fields
from connector.plugin import Kind, NamesFieldTypes, Schema


def lacking(
    connector: Connector, name: str, kind: Kind, schema: Schema
) -> tuple[MissingField, ...]:
    """The fields that `schema` lacks for the shop's mapped columns. Raises: SettingsError."""
    local = {rule.canonical for rule in connector.local_mapping(kind).rules}
    mapping = connector.vendor_mapping(name, kind)
    plugin = connector.plugin(name)
    more = {"types": plugin.field_types} if isinstance(plugin, NamesFieldTypes) else {}
    objects = {kind: target.object for kind, target in connector.targets(name).items()}
    return tuple(missing_fields(name, mapping, local, schema, objects=objects, **more))
