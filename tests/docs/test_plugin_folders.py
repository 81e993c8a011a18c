"""The plugins' folders hold the same names, so that who knows one finds the way in the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
VENDORS = sorted(one.name for one in PLUGINS.iterdir() if one.is_dir())

OWN_LANGUAGE: Mapping[str, Mapping[str, str]] = {
    "zoho": {
        "coql.py": "the vendor's query language has a grammar; Fxiaoke takes filters as JSON",
        "bulk": "jobs and files for very many records; Fxiaoke has none",
        "making.py": "fields can be made by the API; Fxiaoke has none for that",
        "routes.py": "what a call asks for, apart because the bulk calls make it too",
        "search.py": "the search index, with criteria and lags of its own; Fxiaoke has none",
    },
}
"""Files that one sandbox has alone, each with the reason."""

OWN_WAYS: Mapping[str, Mapping[str, str]] = {
    "zoho": {
        "bulk": "jobs and files for very many records; Fxiaoke has none",
        "making.py": "fields can be made by the API; Fxiaoke has none for that",
        "nested.py": "a record's consent object; Fxiaoke's consents are fields of their own",
    },
}
"""What one plugin can do alone, each with the reason."""


def package(vendor: str) -> Path:
    return PLUGINS / vendor / f"connector_{vendor}"


def names(folder: Path) -> Iterator[str]:
    """What lies in a folder, but for what Python leaves there."""
    for one in folder.iterdir():
        if one.name != "__pycache__":
            # the package carries the vendor's name, as two packages cannot share one
            yield "the package" if one == package(folder.name) else one.name


def sandbox(vendor: str) -> Path:
    return package(vendor) / "sandbox"


@pytest.mark.parametrize("folder", [PLUGINS.joinpath, package], ids=["folder", "package"])
def test_all_plugins_hold_the_same_names(folder: Callable[[str], Path]) -> None:
    first, *others = (
        sorted(set(names(folder(vendor))) - OWN_WAYS.get(vendor, {}).keys()) for vendor in VENDORS
    )
    assert first and others
    for other in others:
        assert other == first


def test_the_sandboxes_differ_by_the_vendors_own_language_alone() -> None:
    held = {vendor: set(names(sandbox(vendor))) for vendor in VENDORS}
    common = set.intersection(*held.values())
    alone = {vendor: found - common for vendor, found in held.items()}
    assert alone == {vendor: OWN_LANGUAGE.get(vendor, {}).keys() for vendor in VENDORS}
