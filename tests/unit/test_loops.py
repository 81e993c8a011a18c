"""No module of ours needs, when it is imported, one that needs it."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("connector", "connector_zoho", "connector_fxiaoke", "connector_mappings")


def in_order(graph: grimp.ImportGraph) -> list[str]:
    """The modules, each behind those it imports. Raises: CycleError."""
    needs = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    return list(TopologicalSorter(needs).static_order())


def test_the_imports_make_no_loop_and_the_search_would_find_one() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    assert len(in_order(graph)) > 300
    graph.add_import(importer="connector.errors", imported="connector.app")
    with pytest.raises(CycleError):
        in_order(graph)
