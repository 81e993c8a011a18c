"""The policy file of an installation: loaded, and held against its settings and its mappings."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from connector import registry
from connector.errors import PolicyFileError
from connector.mapping.schema import LocalMapping, VendorMapping
from connector.plugin import Kind, KnowsCentres
from connector.policy.load import Policy, load
from connector.policy.places import region_of
from connector.settings import ConnectionSettings, Settings
from connector.sync.gate import compiled_for
from connector.sync.terms import terms_for


def open_policy(
    settings: Settings,
    now: dt.datetime,
    mappings: Sequence[tuple[str, VendorMapping]],
    local: Mapping[Kind, LocalMapping],
) -> Policy:
    """The policy that the settings name.

    `mappings`: what each connection maps, `local`: how the kinds lie in the shop. Raises:
    PolicyFileError with all faults that can be seen without asking a vendor; whether masks fit its
    fields, and whether these can be emptied, is seen when the fields are known.
    """
    assert settings.privacy.policy is not None, "who asks has looked"
    today = now.date()
    policy = load(settings.path(settings.privacy.policy), today=today, tenant=settings.tenant)
    faults = []
    for name, connection in settings.connections.items():
        faults += list(_of_connection(policy, name, connection))
    faults += list(_of_terms(policy, settings, {mapping.kind for _, mapping in mappings}))
    for name, mapping in mappings:
        try:
            terms_for(
                policy,
                local[mapping.kind],
                mapping,
                read_only=settings.local.kinds()[mapping.kind].file is not None,
                zone=settings.local.zone,
                region=settings.local.phone_region,
                now=now,
            )
        except PolicyFileError as error:
            faults += [one for one in error.faults if one not in faults]
        try:
            if name in policy.document.destinations:
                compiled_for(policy, name, mapping, today)
        except PolicyFileError as error:
            faults += error.faults
    if faults:
        raise PolicyFileError("The policy does not fit the settings:", faults=faults)
    return policy


def _of_terms(policy: Policy, settings: Settings, kinds: Collection[Kind]) -> Iterator[str]:
    """Terms of what is in step with nobody, or that end in an erasure nobody has decided on."""
    for number, one in enumerate(policy.document.retention):
        if one.kind not in kinds:
            said = f"no connection has {one.kind} records, so nothing would be done"
            yield policy.fault(("retention", number, "kind"), said)
        people = Kind(one.kind) is Kind.CUSTOMER and one.action == "erase_record"
        if people and settings.privacy.local_erasure is None:
            said = "to erase people, say in the settings what becomes of their rows in the shop:"
            said += " [privacy] local_erasure"
            yield policy.fault(("retention", number, "action"), said)


def _of_connection(policy: Policy, name: str, connection: ConnectionSettings) -> Iterator[str]:
    there = policy.document.destinations.get(name)
    if there is None:
        yield policy.fault(("destinations",), f"there is no destination `{name}`: add it")
        return
    where = ("destinations", name)
    if there.plugin != connection.plugin:
        yield policy.fault((*where, "plugin"), "the connection of this name has another plugin")
        return
    plugin = registry.load(connection.plugin)
    if not isinstance(plugin, KnowsCentres):
        return
    for host in _hosts(connection):
        centre = plugin.centre_of(host)
        if centre is None and there.data_centre is not None:
            said = f"the host of `{name}` is none of the vendor's data centre"
            yield policy.fault((*where, "data_centre"), said)
        if centre is None:
            continue
        if there.data_centre not in (None, centre.name):
            said = f"the host of `{name}` stands in the data centre {centre.name}"
            yield policy.fault((*where, "data_centre"), said)
        if region_of(there.country) != region_of(centre.country):
            said = f"the host of `{name}` stands in {centre.country}"
            yield policy.fault((*where, "country"), said)


def _hosts(connection: ConnectionSettings) -> list[str]:
    """The vendor's hosts that a connection names; none of a sandbox on this machine."""
    found = []
    for key, value in connection.own().items():
        host = urlsplit(value).hostname if key.endswith("_url") and isinstance(value, str) else None
        if host and not _is_here(host):
            found.append(host)
    return list(dict.fromkeys(found))


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
