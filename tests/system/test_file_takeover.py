"""A migration from a file knows what was there before: an id map, and its own earlier state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.demo.scene import toml_table
from tests.system.from_file import FromFile, person

OBJECTS = {"zoho": "Contacts", "fxiaoke": "AccountObj"}
NAMES = {"zoho": "Last_Name", "fxiaoke": "name"}


@pytest.mark.parametrize("vendor", OBJECTS)
def test_an_id_map_is_taken_over_and_nobody_is_made_twice(
    vendor: str, tmp_path: Path, sandbox: ZohoSandbox, tenant: FxiaokeSandbox
) -> None:
    secrets = {"app_id": "FX_ID", "app_secret": "FX_SECRET", "permanent_code": "FX_CODE"}
    table = {
        key: f"env:{secrets.get(key)}" if key in secrets else value
        for key, value in tenant.settings.items()
    }
    inst = FromFile(
        tmp_path,
        sandbox,
        'first_contact = "remote"',
        toml_table(
            "connections.fx", {**table, "kinds": ["customer"], "call_life_s": 3.0, "timeout_s": 2.0}
        ),
    )
    inst.environment |= {name: str(tenant.settings[key]) for key, name in secrets.items()}
    box: ZohoSandbox | FxiaokeSandbox = sandbox if vendor == "zoho" else tenant
    connection = "crm" if vendor == "zoho" else "fx"
    refs = box.seed(OBJECTS[vendor], [{NAMES[vendor]: f"Old{n}"} for n in range(1, 4)])
    inst.people([person(n) for n in range(1, 4)])
    pairs = [f"{n},{ref}" for n, ref in enumerate(refs, 1)]
    (tmp_path / "ids.csv").write_text(
        "local_id,remote_id\n" + "\n".join([*pairs[:2], "9,x", f"3,{refs[0]}"]) + "\n"
    )
    words = (
        "links",
        "import",
        str(tmp_path / "ids.csv"),
        "--connection",
        connection,
        "--kind",
        "customer",
    )
    assert inst.told(*words, "--delimiter", "||")[0] == 2
    code, told = inst.told(*words, "--dry-run")
    assert (code, told["linked"]) == (5, 1)  # two lines name one record, so neither is used
    assert [(one["line"], one["code"]) for one in told["bad"]] == [
        (2, "id_twice"),
        (4, "no_row"),
        (5, "id_twice"),
    ]
    (tmp_path / "ids.csv").write_text("local_id,remote_id\n" + "\n".join(pairs) + "\n")
    code, told = inst.told(*words, "--dry-run")
    assert (code, told["linked"], told["dry_run"]) == (0, 3, True)
    code, told = inst.told(*words)
    assert (code, told["linked"], told["already"]) == (0, 3, 0)
    code, told = inst.told(*words)
    assert (code, told["linked"], told["already"]) == (0, 0, 3)
    for _ in range(2):
        inst.command("sync", "--connection", connection)
    assert sorted(r[NAMES[vendor]] for r in box.records(OBJECTS[vendor])) == [
        "Old1",
        "Old2",
        "Old3",
    ]
    code, told = inst.told("explain", f"{connection}/customer/1")
    assert code == 0
    assert "linked_by_file" in json.dumps(told)


def to_database(inst: FromFile, people: int) -> None:
    """The new back office has a database, with the file's people under the same keys."""
    config = inst.folder / "connector.toml"
    text = config.read_text().replace("[local]", '[local]\nurl = "sqlite:///shop.db"')
    config.write_text(text.replace('file = "customers.csv"', 'table = "buyers"'))
    rows = range(1, people + 1)
    inst.open_shop([(f"Person{n}", f"p{n}@example.test", f"138{n:08d}") for n in rows])
    inst.command("local", "install")


def test_a_state_of_files_refuses_a_database(tmp_path: Path, sandbox: ZohoSandbox) -> None:
    inst = FromFile(tmp_path, sandbox)
    inst.people([person(1)])
    inst.command("sync")
    to_database(inst, 1)
    code, document = inst.told("sync")
    assert (code, document["error"]["code"]) == (3, "settings")


def test_a_database_with_the_same_keys_goes_on_where_the_file_ended(
    tmp_path: Path, sandbox: ZohoSandbox
) -> None:
    """Records that we made carry our key; an adopted one is in the id map."""
    inst = FromFile(tmp_path, sandbox)
    (old,) = sandbox.seed("Contacts", [{"Last_Name": "Old"}])
    (tmp_path / "ids.csv").write_text(f"local_id,remote_id\n3,{old}\n")
    adopt = ("links", "import", str(tmp_path / "ids.csv"), "--connection", "crm")
    inst.people([person(n) for n in range(1, 4)])
    inst.command(*adopt, "--kind", "customer")
    inst.start("sync").wait(timeout=120)
    assert len(sandbox.records("Contacts")) == 3
    config = inst.folder / "connector.toml"
    config.write_text(
        'tenant = "test"\n[state]\nurl = "sqlite:///new.db"\n'
        + config.read_text().split("\n", 1)[1]
    )
    to_database(inst, 3)
    assert inst.start("sync").wait(timeout=120) == 8
    inst.command("reconcile")
    inst.command(*adopt, "--kind", "customer")
    inst.start("sync").wait(timeout=120)
    inst.start("sync").wait(timeout=120)
    assert len(sandbox.records("Contacts")) == 3
    (count,) = inst.shop.execute("SELECT count(*) FROM buyers").fetchone()
    assert count == 3
