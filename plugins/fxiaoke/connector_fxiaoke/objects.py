"""The tenant's objects, from the vendor's list into the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.account import ObjectInfo
from connector.errors import SchemaDriftError
from connector_fxiaoke import facts
from connector_fxiaoke.client import Client


def listed(client: Client) -> Sequence[ObjectInfo]:
    """The objects that are switched on. The vendor tells no rights."""
    told = client.read("objects", facts.OBJECTS_PATH, {}).data.get("objects")
    if not isinstance(told, list):
        raise SchemaDriftError("The vendor shows no objects.")
    return [
        ObjectInfo(
            name=one["describeApiName"],
            label=str(one.get("describeDisplayName") or ""),
            custom=one.get("defineType") == "custom",
        )
        for one in told
        if isinstance(one, Mapping)
        and isinstance(one.get("describeApiName"), str)
        and one.get("isActive") is not False
    ]
