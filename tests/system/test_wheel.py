"""The wheel holds what an installation needs, and no name that a host may have too.

`make wheel` does the same in an empty environment, dependencies included; here the wheel alone is
unpacked beside this environment's libraries, with no site set-up: the checkout stays unseen.
"""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import wheel as tool


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tool.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's own files alone, as in site-packages."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-index", "--target", str(folder), str(wheel)]
    subprocess.run(command, check=True, env=tool.plain_environment())
    return folder


def run(installed: Path, host: Path, code: str, *argv: str) -> str:
    """Run code in the host's folder; sys.path holds that, the wheel and the libraries."""
    libraries = sysconfig.get_paths()["purelib"]
    environment = {**tool.plain_environment(), "PYTHONPATH": f"{installed}{os.pathsep}{libraries}"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *argv],
        cwd=host,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COMMAND = "from connector.commands import main; main()"


def test_the_wheel_holds_what_is_needed_and_nothing_that_hides_a_host_s_own(wheel: Path) -> None:
    assert tool.faults_in(tool.names_in(wheel)) == []


def test_every_plugin_folder_is_in_the_wheel(wheel: Path) -> None:
    folders = {p.parent.name for p in tool.ROOT.glob("plugins/*/connector_*/__init__.py")}
    assert folders
    assert folders <= {name.split("/")[0] for name in tool.names_in(wheel)}


def test_every_packaged_mapping_is_in_the_wheel(wheel: Path) -> None:
    files = {
        str(p.relative_to(tool.ROOT / "mappings"))
        for p in tool.ROOT.glob("mappings/connector_mappings/**/*.yaml")
    }
    assert files
    assert files <= set(tool.names_in(wheel))


def test_the_wheel_names_the_command_and_the_plugins(wheel: Path) -> None:
    points = tool.entry_points_in(wheel)
    assert "crm-connector = connector.commands:main" in points
    for name in tool.PLUGINS:
        assert f"{name} = connector_{name}:plugin" in points


def test_a_host_with_colliding_names_keeps_its_own_and_sees_ours(
    installed: Path, tmp_path: Path
) -> None:
    out = run(installed, tool.make_host(tmp_path), tool.HOST_PROGRAM)
    assert Path(out.strip()).is_relative_to(installed)


def test_the_installed_command_finds_its_plugins_in_a_host_with_colliding_names(
    installed: Path, tmp_path: Path
) -> None:
    host = tool.make_host(tmp_path)
    assert run(installed, host, COMMAND, "--version").strip().endswith(tool.version())
    told = run(installed, host, COMMAND, "plugins", "--json")
    assert [name for name in tool.PLUGINS if f'"{name}"' not in told] == []


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["cli.py"], "cli.py would land in site-packages"),
        (["plugins/zoho/x.py"], "plugins would land in site-packages"),
        (["tests/x.py"], "tests would land in site-packages"),
        (["mappings/x.yaml"], "mappings would land in site-packages"),
    ],
)
def test_a_name_that_a_host_may_have_too_is_a_fault(names: Sequence[str], fault: str) -> None:
    assert tool.faults_in([*tool.NEEDED, *names]) == [fault]


def test_a_wheel_without_its_mappings_is_a_fault() -> None:
    names = [n for n in tool.NEEDED if not n.endswith("customer.yaml")]
    lacking = [f"connector_mappings/{name}/customer.yaml" for name in tool.PLUGINS]
    assert tool.faults_in(names) == [f"{name} is not in the wheel" for name in lacking]


def test_the_plugin_entry_points_match_the_folders() -> None:
    project = tomllib.loads((tool.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    points = project["project"]["entry-points"]["crm_connector.plugins"]
    folders = {p.parent.parent.name for p in tool.ROOT.glob("plugins/*/connector_*/__init__.py")}
    assert set(points) == folders


def test_the_examples_in_the_tool_are_true() -> None:
    assert doctest.testmod(tool).failed == 0
