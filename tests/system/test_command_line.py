"""The command line itself: what it imports, how it refuses, what it never repeats."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

import pytest

from connector.commands import run
from connector.commands.boundary import bug, carry_out
from connector.commands.group import VERBS
from connector.commands.invocation import Invocation
from connector.commands.stopping import Stopping
from connector.version import __version__
from tests.system.rig import environment

SECRET = "lin-secret@example.test"
HEAVY = ("click", "rich", "pydantic", "sqlalchemy", "requests", "yaml", "cryptography")


def imported_by(*argv: str) -> list[str]:
    """Which heavy libraries a new process has imported after a command line."""
    program = (
        "import sys, contextlib, io\n"
        "from connector.commands import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = run({list(argv)!r})\n"
        f"print(code, *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment()
    )
    code, *found = done.stdout.split()
    assert code == "0", done.stderr
    return found


def test_the_version_imports_no_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert imported_by("--version") == []
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"crm-connector {__version__}\n"


def test_help_imports_click_alone() -> None:
    assert imported_by("--help") == ["click"]


def test_help_lists_every_verb_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {verb} " in said for verb in VERBS)
    assert all(f"\n    {code} " in said for code in (*range(11), 130))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_own_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert f"crm-connector {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        [SECRET],
        ["--config"],
        ["--log-level", SECRET, "sync"],
        [f"--{SECRET}"],
        ["sync", f"--kind={SECRET}"],
        ["sync", SECRET],
        ["sync", f"--{SECRET}"],
        ["sync", f"--json={SECRET}"],
        ["sync", "--max-delete", SECRET],
        ["plan", "--max-change", SECRET],
        ["sandbox", "zoho", "--port", SECRET],
        ["sandbox", "zoho", "--rate", SECRET],
        ["sandbox", "zoho", SECRET],
        ["conflicts", SECRET],
        ["conflicts", "resolve", "1", SECRET],
        ["conflicts", "show"],
        ["demo", "--plant", SECRET],
        ["demo", "--rate", SECRET],
        [],
    ],
)
def test_a_wrong_command_line_is_exit_2_and_repeats_no_value(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argv) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err
    assert "secret" not in told.err


def test_a_wrong_command_line_is_one_document_with_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["sync", "--json", "--kind", SECRET]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["exit"] == 2
    assert told["error"]["code"] == "usage"
    assert "customer, membership, feedback" in told["error"]["sentence"]
    assert "secret" not in str(told)


def test_a_close_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sync", "--dry-ru"]) == 2
    assert "Is it --dry-run?" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [True, False])
def test_a_bug_is_exit_1_with_its_places_and_without_its_text(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    invocation = Invocation(Stopping(), as_json=as_json)
    invocation.log_to_stderr("warning")
    try:
        raise ValueError(f"row 7 holds {SECRET}")
    except ValueError as error:
        assert bug(invocation, error) == 1
    told = capsys.readouterr()
    assert "secret" not in told.err + told.out
    line = json.loads(told.err.splitlines()[0])
    assert line["error"] == "ValueError"
    assert "test_command_line.py" in line["at"][0]
    if as_json:
        assert json.loads(told.out)["exit"] == 1


def test_no_core_is_dumped_and_files_are_our_own(tmp_path: object) -> None:
    umask = os.umask(0o022)
    try:
        assert carry_out(["plugins"]) == 0
        assert os.umask(0o022) == 0o077
    finally:
        os.umask(umask)
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


def test_plugins_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"name": "zoho", "sandbox": True} in told["plugins"]


def test_the_log_blanks_registered_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    invocation = Invocation(Stopping())
    invocation.log_to_stderr("info")
    invocation.redactor.register("1000.abcdef")
    logging.getLogger("connector.test").info("token 1000.abcdef of %s", SECRET)
    said = capsys.readouterr().err
    assert "[secret]" in said
    assert "abcdef" not in said
    assert "lin-secret" not in said
