"""What no module of ours may use, found by reading them all: keys in one place, no code from data,
and files that belong to their owner alone."""

from __future__ import annotations

import ast
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.rig import Rig, environment

ROOT = Path(__file__).resolve().parents[2]
APART = {"sandbox", "testing", "demo"}
"""Stand-ins of vendors and test kits: they hold no keys and nobody's data."""

KEYED = {"cryptography", "hmac", "secrets", "Crypto", "nacl", "jwt"}
CODE = {"pickle", "marshal", "shelve", "dill", "jinja2", "telnetlib", "ftplib"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "extractall",
    "unsafe_load",
    "full_load",
    "system",
}
HASHES = {
    "connector.schema": "what a vendor's schema looks like",
    "connector.sync.drift": "what a mapping says",
    "connector.store.events": "a loser's value as it was sealed, and a store's own id",
    "connector.local.triggers": "names of triggers",
    "connector.local.places": "rows of a file, in an index that is gone with the process",
    "connector.http.tokens": "a login, inside what is sealed",
    "connector.policy.load": "a policy file",
}
"""Modules with hashes without a key, and of what."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in (ROOT, ROOT / "plugins" / "zoho", ROOT / "plugins" / "fxiaoke"):
        for file in sorted(folder.glob("connector*/**/*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            if not APART & set(parts):
                yield ".".join(parts), ast.parse(file.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def called(tree: ast.Module) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        f.id if isinstance(f, ast.Name) else f.attr
        for f in calls
        if isinstance(f, ast.Name | ast.Attribute)
    }


def faults(name: str, tree: ast.Module) -> list[str]:
    """What a module does that it must not."""
    inside = name.startswith("connector.privacy")
    uses, calls = imported(tree), called(tree)
    found = [f"{name} uses {one}" for one in uses & CODE]
    # `re.compile` and SQLAlchemy's are attributes; a bare `compile` would be Python's.
    bare = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    found += [f"{name} calls {one}" for one in (calls & CALLS) - {"compile"} | bare & {"compile"}]
    if not inside:
        found += [f"{name} uses {one}" for one in uses & KEYED]
        found += [f"{name} uses hashlib" for _ in uses & {"hashlib"} if name not in HASHES]
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "shell" and _is_true(node.value):
            found.append(f"{name} runs a shell")
        if isinstance(node, ast.keyword) and node.arg == "verify" and _is_false(node.value):
            found.append(f"{name} does not verify a certificate")
    return found


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is not True


def test_keys_are_used_in_one_place_and_no_code_comes_from_data() -> None:
    read = dict(modules())
    assert len(read) > 200
    assert [fault for name, tree in read.items() for fault in faults(name, tree)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import hmac",
        "from cryptography.fernet import Fernet",
        "import hashlib",
        "eval('1')",
        "import pickle",
        "archive.extractall()",
        "run('ls', shell=True)",
        "get(url, verify=False)",
        "yaml.unsafe_load(x)",
    ],
)
def test_the_reading_finds_what_is_not_allowed(line: str) -> None:
    assert faults("connector.sync.somewhere", ast.parse(line))


HOST = """
import os, sys
os.umask(0)
from connector.app import open_connector
with open_connector(sys.argv[1]) as connector:
    connector.make_keys()
    connector.install_local()
    report = connector.sync()
    assert report.exit == 0, report.errors
"""


def test_what_a_host_without_a_umask_has_us_write_is_its_owners_alone(rig: Rig) -> None:
    before = set(rig.folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", HOST, str(rig.config)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = {file for file in rig.folder.rglob("*") if file.is_file()} - before
    assert {"state.db", "keys.db", "keyring.json"} <= {file.name for file in made}
    open_ = {file.name for file in made if stat.S_IMODE(file.stat().st_mode) & 0o077}
    assert open_ - {"shop.db-wal", "shop.db-shm"} == set()
