"""The scheduling examples do what they say: lines, units, DAGs, the image, and three bad days."""

from __future__ import annotations

import configparser
import importlib.util
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from connector_zoho.sandbox.handle import ZohoSandbox

from connector.commands.group import VERBS
from tests.system.rig import Rig, environment
from tests.system.test_doctor_standing import DAY_US

HOME = Path(__file__).resolve().parents[2] / "examples" / "scheduling"
PAGE = (HOME.parents[1] / "docs" / "scheduling.md").read_text(encoding="utf-8")
LINE = re.compile(r"((?:[\d*/,-]+ ){5})(.+)")
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[ZohoSandbox]:
    with ZohoSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def rig(tmp_path: Path, one_sandbox: ZohoSandbox, capsys: pytest.CaptureFixture[str]) -> Rig:
    """An installation as the examples expect it, under another folder than /srv/crm."""
    one_sandbox.admin("reset")
    rig = Rig(tmp_path, one_sandbox, capsys)
    rig.ready()
    command = tmp_path / "venv" / "bin" / "crm-connector"
    command.parent.mkdir(parents=True)
    path = shlex.quote(environment()["PYTHONPATH"])
    text = f'#!/bin/sh\nPYTHONPATH={path} exec {shlex.quote(sys.executable)} -m connector "$@"\n'
    command.write_text(text, encoding="utf-8")
    command.chmod(0o755)
    (tmp_path / "log").mkdir()
    return rig


def jobs() -> list[tuple[str, str]]:
    """When and what of each line of the crontab."""
    lines = (HOME / "crontab").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line and not line.startswith(("#", "MAILTO="))]
    matches = [LINE.fullmatch(line) for line in found]
    assert all(matches), found
    return [(match[1], match[2]) for match in matches if match]


def as_cron(rig: Rig, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line as cron does: by sh, almost without an environment, from elsewhere."""
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("/srv/crm", str(rig.folder))],
        env={"HOME": "/", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_time_of_the_crontab_is_one() -> None:
    for when, command in jobs():
        for told, (least, most) in zip(when.split(), FIELDS, strict=True):
            base, _, step = told.partition("/")
            assert base == "*" or least <= int(base) <= most
            assert not step or 0 < int(step) <= most
        assert "%" not in command, "cron makes a line end of it"


def test_the_crontabs_lines_run_as_cron_runs_them_and_say_nothing_when_all_is_well(
    rig: Rig,
) -> None:
    for _, command in jobs():
        done = as_cron(rig, command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(rig.sandbox.records("Contacts")) == 6
    assert "crm_connector_stale" in (rig.folder / "log" / "crm_connector.prom").read_text()
    rig.in_state(f"UPDATE scope SET success_us = success_us - 2 * {DAY_US}")
    assert "stale, no success for 2 d" in as_cron(rig, jobs()[1][1]).stdout  # this is mailed


def units() -> list[Path]:
    return sorted((HOME / "systemd").iterdir())


def test_the_units_are_well_formed_and_each_timer_has_its_service() -> None:
    names = {file.name for file in units()}
    for file in units():
        unit = configparser.ConfigParser(strict=True, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way
        unit.read_string(file.read_text(encoding="utf-8"))
        assert unit["Unit"]["Description"]
        if file.suffix == ".timer":
            assert file.with_suffix(".service").name in names
            assert unit["Timer"]["Persistent"] == "true"
            assert unit["Install"]["WantedBy"] == "timers.target"
        elif "@" not in file.name:
            assert unit["Service"]["Type"] == "oneshot"
            assert unit["Unit"]["OnFailure"].replace("%n", "") in names
            verb = unit["Service"]["ExecStart"].split()[3]
            assert verb in VERBS


def test_systemd_finds_nothing_wrong_with_the_units(rig: Rig) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on this machine")
    folder = rig.folder / "units"
    folder.mkdir()
    for file in units():
        text = file.read_text(encoding="utf-8").replace("/srv/crm", str(rig.folder))
        (folder / file.name).write_text(text, encoding="utf-8")
    made = [str(folder / file.name) for file in units() if "@" not in file.name]
    done = subprocess.run(
        [analyze, "verify", "--man=no", *made], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if str(folder) in line or "crm-" in line]
    assert said == []


class _Dag:
    """Stands in for Airflow's, which is not among our test dependencies."""

    open: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **told: Any) -> None:
        self.told = {**told, "tasks": []}

    def __enter__(self) -> _Dag:
        _Dag.open.append(self.told)
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _operator(**told: Any) -> None:
    _Dag.open[-1]["tasks"].append(told)


class Retried(Exception):
    """Airflow tries again."""


class Failed(Exception):
    """Airflow does not."""


@contextmanager
def airflow(name: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A DAG's module, loaded with a stand-in of Airflow, and what it declared."""
    made: dict[str, dict[str, Any]] = {
        "airflow": {"DAG": _Dag},
        "airflow.exceptions": {"AirflowException": Retried, "AirflowFailException": Failed},
        "airflow.operators": {},
        "airflow.operators.python": {"PythonOperator": _operator},
    }
    if importlib.util.find_spec("airflow") is not None:
        pytest.skip("Airflow is installed: this test would shadow it")
    try:
        for module, names in made.items():
            sys.modules[module] = types.ModuleType(module)
            vars(sys.modules[module]).update(names)
        spec = importlib.util.spec_from_file_location(name, HOME / "airflow" / f"{name}.py")
        assert spec is not None and spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        yield loaded, _Dag.open.pop()
    finally:
        for module in made:
            sys.modules.pop(module, None)


@pytest.mark.parametrize("name", ["crm_connector_command", "crm_connector_library"])
def test_a_dag_syncs_retries_what_is_temporary_and_fails_at_the_rest(rig: Rig, name: str) -> None:
    with airflow(name) as (module, dag):
        assert (dag["dag_id"], dag["catchup"], dag["max_active_runs"]) == (name, False, 1)
        (task,) = dag["tasks"]
        more: dict[str, Any] = {"config": str(rig.config)}
        if name.endswith("command"):
            more["command"] = str(rig.folder / "venv" / "bin" / "crm-connector")
        task["python_callable"](**task["op_kwargs"], **more)
        assert len(rig.sandbox.records("Contacts")) == 6
        rig.sandbox.fault("error", operation="coql,list", count=99)
        with pytest.raises(Retried):
            module.sync("zoho", **more)
        rig.sandbox.admin("faults", clear=True)
        with pytest.raises(Failed):
            module.sync("nosuch", **more)


def lint(text: str) -> list[str]:
    """What is wrong with a Containerfile, by our own rules."""
    lines = [one for one in text.replace("\\\n", " ").splitlines() if one and one[0] != "#"]
    words = [one.split(maxsplit=1) for one in lines]
    found = []
    bases = [rest for word, rest in words if word == "FROM"]
    if not bases or any(not re.search(r":\d+\.\d+\.\d+|@sha256:", one) for one in bases):
        found.append("the base is not pinned")
    users = [rest for word, rest in words if word == "USER"]
    if not users or users[-1].split(":")[0] in ("root", "0"):
        found.append("it runs as root")
    if re.search(r"(?i)\b(?:ENV|ARG)\b.*(?:secret|token|password|key)", "\n".join(lines)):
        found.append("a secret stands in the image")
    if any(word == "ADD" for word, _ in words):
        found.append("ADD fetches and unpacks; COPY does neither")
    if not any(word == "ENTRYPOINT" and rest.startswith("[") for word, rest in words):
        found.append("a shell would stand between us and SIGTERM")
    return found


def test_the_containerfile_keeps_our_rules() -> None:
    assert lint((HOME / "Containerfile").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("python:3.11.9-slim-bookworm", "python:latest"),
        ("USER 10001", "USER root"),
        ("USER 10001\n", ""),
        ("STOPSIGNAL", "ENV ZOHO_SECRET=x\nSTOPSIGNAL"),
        ("COPY", "ADD"),
        ('ENTRYPOINT ["/opt/crm/bin/crm-connector", ', "ENTRYPOINT /opt/crm/bin/crm-connector "),
    ],
)
def test_the_lint_finds_what_it_is_for(was: str, now: str) -> None:
    text = (HOME / "Containerfile").read_text(encoding="utf-8")
    assert was in text
    assert len(lint(text.replace(was, now))) == 1


# --- the three bad days of the page ---------------------------------------------------------------


def at_work(rig: Rig, *words: str) -> subprocess.Popen[str]:
    """A real run that is in the middle: it waits for an answer of the vendor's."""
    rig.sandbox.fault("slow", operation="upsert,insert", seconds=2)
    child = rig.start("sync", *words)
    deadline = time.monotonic() + 60
    while not {"upsert", "insert"} & rig.sandbox.calls().keys():
        assert child.poll() is None, "it ended and never wrote"
        assert time.monotonic() < deadline, "it never wrote"
        time.sleep(0.05)
    return child


def test_a_run_that_overlaps_another_leaves_the_work_to_it(rig: Rig) -> None:
    child = at_work(rig)
    child.send_signal(signal.SIGSTOP)  # else it may be done before the third begins
    try:
        second = rig.run("sync", "--json")
        third = rig.run("sync", "--fail-if-locked")
    finally:
        child.send_signal(signal.SIGCONT)
        _, err = child.communicate(timeout=60)
    assert (second.code, third.code, child.returncode) == (0, 7, 0), err
    assert second.json["skipped"]
    assert len(rig.sandbox.records("Contacts")) == 6


def test_an_interrupted_run_ends_with_143_and_the_next_goes_on(rig: Rig) -> None:
    child = at_work(rig)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == 143
    for _ in range(4):
        if rig.run("sync").code == 0:
            break
    assert rig.run("sync").code == 0
    assert len(rig.sandbox.records("Contacts")) == 6
    assert len(rig.sandbox.records("Feedbacks")) == 3


def test_a_late_run_brings_all_that_was_missed_at_once(rig: Rig) -> None:
    assert rig.run("sync").code == 0
    rig.in_state(f"UPDATE scope SET success_us = success_us - 3 * {DAY_US}")
    assert rig.run("status", "--fail-if-stale").code == 6
    ref = rig.sandbox.records("Contacts")[0]["id"]
    rig.sandbox.remove("Feedbacks", rig.sandbox.records("Feedbacks")[0]["id"])
    for mail in ("a@late.example.test", "b@late.example.test"):
        rig.sandbox.edit("Contacts", ref, {"Email": mail})
    assert rig.run("sync").code in (0, 5)
    assert rig.run("status", "--fail-if-stale").code == 0
    assert "b@late.example.test" in str(rig.shop.rows("SELECT * FROM clients"))


def test_the_page_names_every_example_and_no_verb_that_is_not_there() -> None:
    for file in (one for one in HOME.rglob("*") if one.is_file() and one.name != "README.md"):
        told = file.name if file.parent.name != "systemd" else "systemd/"
        assert told in PAGE
    assert set(re.findall(r"crm-connector ([a-z]\w*)", PAGE)) - set(VERBS) == set()
