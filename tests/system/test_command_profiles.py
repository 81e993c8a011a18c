"""Which keys a process is released, by the command."""

from __future__ import annotations

from pathlib import Path

from tests.system.rig import Rig

APART = """
[keys.profiles.privacy-officer]
provider = "command"
command = ["{program}"]
"""


def officers_program(folder: Path) -> Path:
    """A provider that prints the officer's key while there is a file with it, and counts."""
    program = folder / "officer.sh"
    program.write_text(
        f"#!/bin/sh\necho asked >> {folder}/asked\ncat {folder}/officer.b64 2>/dev/null || exit 1\n"
    )
    program.chmod(0o700)
    (folder / "officer.b64").write_text("aW52ZW50ZWQgYnkgdXM6IDMyIGJ5dGVzLCBsb25nISE=")
    return program


def clash(rig: Rig) -> str:
    """Both sides change one person's street; returns the conflict's id."""
    one = rig.desk.records("customer")[0]
    rig.shop.change("UPDATE clients SET street = 'Invented Lane 1'")
    rig.desk.edit("customer", one, {"address.street": "Invented Row 2"})
    assert rig.run("sync").code in (0, 5)
    found: str = rig.run("conflicts", "list", "--json").json["conflicts"][0]["id"]
    return found


def test_19_lists_without_keys_and_values_for_the_officer_alone(rig: Rig) -> None:
    program = officers_program(rig.folder)
    rig.write(head=APART.format(program=program))
    rig.ready()
    assert rig.run("sync").code == 0
    asked = (rig.folder / "asked").read_text().count("asked")
    assert asked == 1, "only `keys init` needs the officer's provider"
    id_ = clash(rig)

    show = ("conflicts", "show", id_, "--show")
    refused = rig.run(*show)
    assert (refused.code, "--reason" in refused.err) == (2, True)
    shown = rig.run(*show, "--reason", "request of 3 March")
    assert shown.code == 0
    assert "Invented" in shown.out

    assert "disclose" not in rig.run("keys", "status").err
    released = (rig.folder / "officer.b64").rename(rig.folder / "kept.b64")
    for verb in (show, ("explain", "1", "--kind", "customer", "--show")):
        refused = rig.run(*verb, "--reason", "curious")
        assert (refused.code, refused.out) == (9, "")
        assert "privacy officer only" in refused.err
    to = ("--local", "1", "--to", str(rig.folder / "x"), "--recipient", "me", "--reason", "x")
    assert rig.run("privacy", "export", *to).code == 9
    assert "Invented" not in rig.run("conflicts", "list").all

    (rig.folder / "kek.bin").rename(rig.folder / "kek.away")
    for listing in (("status",), ("letters", "list"), ("conflicts", "list")):
        told = rig.run(*listing, "--json")
        assert told.code == 0, told.err
        assert "nvented" not in told.all
    [bare] = rig.run("conflicts", "list", "--json").json["conflicts"]
    assert bare["sealed"] is True
    assert rig.run("conflicts", "show", id_, "--show", "--reason", "x").code == 0
    assert "nvented" not in rig.run("conflicts", "show", id_, "--show", "--reason", "x").all
    assert rig.run("conflicts", "resolve", id_, "local").code == 0
    stopped = rig.run("sync")
    assert stopped.code == 9
    assert "kek.bin is missing" in stopped.err

    (rig.folder / "kek.away").rename(rig.folder / "kek.bin")
    released.rename(rig.folder / "officer.b64")
    assert rig.run("sync").code == 0
    assert rig.run("conflicts", "list", "--json").json == {"conflicts": []}
    assert rig.run("privacy", "audit", "verify").code == 0
