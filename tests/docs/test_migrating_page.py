"""The consultant's page shows where a bad row stands."""

from __future__ import annotations

from tools import tour

TEXT = tour.MIGRATING.read_text(encoding="utf-8")


def test_another_line_of_a_bad_row_is_noticed() -> None:
    (told,) = (s for s in tour.steps(TEXT) if s.command.startswith("crm-connector plan;"))
    assert any(line.startswith("export.csv:5: ") for line in told.output)
