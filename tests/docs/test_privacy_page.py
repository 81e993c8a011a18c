"""What docs/privacy.md prints is what the command prints."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from connector.commands import run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
SETTINGS = """\
tenant = "shop"
[local]
url = "sqlite:///shop.db"
[local.customer]
table = "customers"
mapping = "customer.yaml"
[local.feedback]
table = "voices"
mapping = "feedback.yaml"
[connections.zoho-eu]
plugin = "zoho"
accounts_url = "https://accounts.zoho.eu"
api_url = "https://www.zohoapis.eu"
client_id = "env:ZOHO_CLIENT_ID"
client_secret = "env:ZOHO_CLIENT_SECRET"
refresh_token = "env:ZOHO_REFRESH_TOKEN"
kinds = ["customer", "feedback"]
[privacy]
policy = "privacy.yaml"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "connector.toml").write_text(SETTINGS, encoding="utf-8")
    for kind, line in (("customer", "names.full"), ("feedback", "text")):
        text = f"kind: {kind}\nfields:\n  {line}: {{column: x, lens: text}}\n"
        (tmp_path / f"{kind}.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "examples" / "privacy" / "cn-zoho-eu.yaml", tmp_path / "privacy.yaml")
    for name in ("wang", "ming"):
        found = re.search(rf"`{name}\.json`(?: is)?\s*`({{.*?}})`", PAGE, re.S)
        assert found is not None
        (tmp_path / f"{name}.json").write_text(found[1], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands() -> list[tuple[str, str]]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.S)
    return [
        (command, output)
        for block in blocks
        for command, output in re.findall(r"\$ crm-connector (.*?)\n((?:[^$].*\n)*)", block)
    ]


def test_the_page_prints_what_the_command_prints(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(commands()) == 3
    for command, said in commands():
        assert run(command.split()) == 0
        shown = capsys.readouterr().out
        pattern = re.escape(said).replace("…", ".*")
        assert re.fullmatch(pattern, shown), f"{command}\n{shown}"


def test_a_policy_with_a_fault_is_exit_3_with_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = folder / "privacy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("data_centre: eu", "data_centre: us"), encoding="utf-8")
    assert run(["privacy", "check"]) == 3
    line = text[: text.index("data_centre: eu")].count("\n") + 1
    assert f"privacy.yaml:{line}: the host of `zoho-eu` stands in the data centre eu" in (
        capsys.readouterr().err
    )


def test_a_custom_field_without_a_class_stops_what_would_send_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from connector.mapping.load import packaged

    own = folder / "own"
    shutil.copytree(packaged("zoho"), own)
    with (own / "customer.yaml").open("a", encoding="utf-8") as file:
        file.write("  custom.shoe: {field: Shoe, lens: text}\n")
    settings = (folder / "connector.toml").read_text(encoding="utf-8")
    settings = settings.replace('plugin = "zoho"', 'plugin = "zoho"\nmappings = "own"')
    (folder / "connector.toml").write_text(settings, encoding="utf-8")
    assert run(["privacy", "explain", "--to", "zoho-eu"]) == 3
    assert "customer.custom.shoe has no class" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--to", "zoho-eu", "--person-file", "nobody.json"], "cannot be read as JSON"),
        (["--to", "elsewhere"], "no connection elsewhere"),
        (["--to", "zoho-eu", "--record", "1", "-"], "Name the person once"),
    ],
)
def test_a_wrong_call_is_exit_2(
    folder: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    assert run(["privacy", "explain", *argv]) == 2
    assert said in capsys.readouterr().err


def test_what_a_person_is_like_is_not_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.json").write_text(
        '{"names.full": "CNRY", "birth_date": "1990-07-30", "address.country": "CN"}',
        encoding="utf-8",
    )
    for more in ([], ["--json"]):
        argv = ["privacy", "explain", "--to", "zoho-eu", "--person-file", "p.json", *more]
        assert run(argv) == 0
        shown = capsys.readouterr()
        assert "CNRY" not in shown.out + shown.err
        assert "1990" not in shown.out + shown.err
