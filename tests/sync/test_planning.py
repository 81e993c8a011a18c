"""What a plan tells is what the sync after it does."""

from __future__ import annotations

from connector.testing.world import PERFECT
from tests.story import C, Tell


def test_a_plan_does_not_take_back_at_a_record_in_conflict_what_it_planned_before(
    tell: Tell,
) -> None:
    """Such a record is read by id each time, and the vendor knows of nothing that is planned."""
    hub = tell(others={"far": PERFECT})
    hub.client("Lotte", mail="lotte@example.test", street="old 1")
    hub.run()
    hub.later(seconds=300)
    hub.sql("UPDATE clients SET street = 'shop 1'")
    hub.vendor.edit(C, hub.ref("Lotte"), {"Street": "crm 1"})
    hub.run()
    hub.later(seconds=300)
    assert hub.run().conflicts == 1
    hub.sql("UPDATE clients SET job = 'baker'")
    [there] = hub.vendors["far"].dump(C)
    hub.vendors["far"].edit(C, there["ref"], {"First": "Lotte", "Last": "Maas"})
    hub.later(seconds=300)
    planned = [(w.connection, w.side, sorted(w.fields)) for w in hub.plan().writes]
    assert sorted(planned) == [
        ("crm", "remote", ["First", "Last"]),
        ("crm", "remote", ["Job"]),
        ("far", "local", ["full_name"]),
        ("far", "remote", ["Job"]),
    ]
    hub.run()
    assert hub.sql("SELECT job FROM clients")[0]["job"] == "baker"
