"""`keys` and `backup` by the command, with `--json`, between a shop and the vendor's sandbox."""

from __future__ import annotations

import json
from pathlib import Path

from tests.system.rig import Rig


def test_a_key_goes_from_active_to_destroyed_by_the_command(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    told = rig.run("keys", "status", "--json").json
    wrap = next(one for one in told["keys"] if one["purpose"] == "wrap")
    assert (wrap["kid"], wrap["state"], wrap["backups"]) == (1, "active", 0)
    people = wrap["rows"]
    assert people > 0
    done = rig.run("keys", "rotate", "wrap", "--json").json
    assert done == {"rotated": "wrap", "key": 12, "old": [1], "moved": people, "resumed": False}
    assert rig.run("sync").code == 0
    refused = rig.run("keys", "retire", "12", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "usage")
    assert rig.run("keys", "retire", "1", "--json").json == {"key": 1, "state": "retired"}
    assert rig.run("keys", "retire", "1", "--undo", "--json").json["state"] == "draining"
    assert rig.run("keys", "retire", "1").code == 0
    assert rig.run("keys", "destroy", "1").code == 2
    assert rig.run("keys", "destroy", "1", "--after", "2099-01-01", "--json").code == 0
    assert rig.run("keys", "destroy", "1", "--after", "soon").code == 2
    assert rig.run("keys", "destroy", "1", "--keep", "--json").json["state"] == "retired"
    assert rig.run("keys", "rotate", "kek", "--json").json["rotated"] == "kek"
    assert rig.run("sync").code == 0


def test_the_key_encrypting_key_moves_to_a_new_file_by_the_settings(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    settings = rig.folder / "connector.toml"
    text = settings.read_text(encoding="utf-8")
    assert "[keys]" not in text
    own = '\n[keys]\nkek = "file:new.bin"\n'
    settings.write_text(text + own + '[keys.previous]\nkek = "file:kek.bin"\n', encoding="utf-8")
    assert rig.run("sync").code == 0  # opened by the old one
    assert "rotate kek" in rig.run("keys", "status").err
    assert rig.run("keys", "rotate", "kek").code == 0
    assert "take it out" in rig.run("keys", "status").err
    settings.write_text(text + own, encoding="utf-8")
    (rig.folder / "kek.bin").unlink()
    assert rig.run("sync").code == 0


def test_a_state_is_backed_up_lost_and_put_back_by_the_command(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    made = rig.run("backup", "create", "--json").json
    file = made["file"]
    assert made["content"] == "state"
    assert [one["file"] for one in rig.run("backup", "list", "--json").json["backups"]] == [file]
    links = rig.run("backup", "verify", file, "--json").json["rows"]["link"]
    assert links > 0
    drilled = rig.run("backup", "drill", file, "--json").json
    assert (drilled["failed"], drilled["exit"]) == (0, 0)
    assert drilled["opened"] > 0
    rig.shop.change("UPDATE clients SET job = 'pilot' WHERE client_no = 1")
    assert rig.run("sync").code == 0
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (rig.folder / name).unlink(missing_ok=True)
    assert rig.run("backup", "restore", file).code == 2
    done = rig.run("backup", "restore", file, "--yes", "--json").json
    assert (done["rows"]["link"], done["aside"]) == (links, None)
    assert rig.run("sync").code == 8
    assert rig.run("reconcile").code == 0
    assert rig.run("sync").code == 0
    whole = Path(file).read_bytes()
    Path(file).write_bytes(whole[:-1])
    spoilt = rig.run("backup", "verify", file, "--json")
    assert (spoilt.code, spoilt.json["error"]["code"]) == (9, "seal")
    [one] = rig.run("backup", "list", "--json").json["backups"]
    assert rig.run("backup", "forget", one["id"], "--json").code == 0
    assert rig.run("backup", "forget", one["id"]).code == 2


def test_the_index_key_is_rotated_by_the_command(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    told = rig.run("keys", "status", "--json").json["keys"]
    [old] = [one for one in told if one["purpose"] == "index"]
    assert old["rows"] > 0
    done = rig.run("keys", "rotate", "index", "--json").json
    assert (done["old"], done["moved"], done["resumed"]) == ([old["kid"]], old["rows"], False)
    told = rig.run("keys", "status", "--json").json["keys"]
    rows = {one["kid"]: one["rows"] for one in told if one["purpose"] == "index"}
    assert rows == {old["kid"]: 0, done["key"]: old["rows"]}
    assert rig.run("sync").code == 0


def test_a_lost_ring_comes_back_from_a_backup_of_the_keys(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    file = rig.run("backup", "create", "--keys", "--json").json["file"]
    ring = rig.folder / "keyring.json"
    before = json.loads(ring.read_text())
    ring.unlink()
    assert rig.run("sync").code == 9
    assert rig.run("backup", "restore", file, "--yes").code == 0
    assert json.loads(ring.read_text()) == before
    assert rig.run("sync").code == 0
