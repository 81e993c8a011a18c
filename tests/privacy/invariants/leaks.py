"""1-3: no person's value and no secret in what we write, log, print or raise."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_zoho.sandbox.handle import ZohoSandbox

from connector import ConnectorError, open_connector
from connector.demo.shop import MAPPINGS
from connector.mapping.load import packaged
from connector.plugin import Op, Write
from connector.records import Kind
from connector.sandbox.handle import SandboxProcess
from tests.privacy.canary import Canary, Scanner
from tests.privacy.spiteful import CUT, LATE, SPOILED, Spiteful
from tests.system.rig import Rig
from tests.unit import fxiaoke_rig, zoho_rig
from tests.unit.test_fxiaoke_auth import LEGACY

ANN, BEN = Canary(11), Canary(12)
UNMAPPED = "CNRY-password-hash-9137"
UNCLASSIFIED = "CNRY-shoe-size-4600"
SECRETS = ("client_id", "client_secret", "refresh_token", "app_secret", "permanent_code")
ISSUED = re.compile(r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}")
"""A token as Zoho's sandbox makes it."""


@pytest.fixture(scope="session")
def box() -> Iterator[ZohoSandbox]:
    with ZohoSandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def fxbox() -> Iterator[FxiaokeSandbox]:
    with FxiaokeSandbox() as sandbox:
        yield sandbox


def secrets(box: SandboxProcess) -> list[str]:
    found = [str(box.settings[name]) for name in SECRETS if name in box.settings]
    assert len(found) >= 2, "a vendor's settings have at least an app's secret and a user's"
    return found


# --- 1 and 2: a whole installation, by the command ---


def row(who: Canary) -> dict[str, str]:
    """A row of the demonstration's shop, every value of it a canary."""
    return {
        "surname": who.name,
        "given_name": who.note,
        "mobile": who.mobile,
        "mail": who.email,
        "street": who.street,
        "job": f"CNRY-{who.number:04d}-keeper",
    }


@pytest.fixture
def rig(tmp_path: Path, box: ZohoSandbox, capsys: pytest.CaptureFixture[str]) -> Rig:
    """A shop with a canary among its people, a column nobody mapped, a field without a class."""
    box.admin("reset")
    rig = Rig(tmp_path, box, capsys)
    rig.mapping(
        "customer", MAPPINGS["customer"] + "  custom.shoe: {column: shoe_size, lens: text}\n"
    )
    folder = rig.folder / "mappings" / "remote"
    folder.mkdir(parents=True)
    for kind in MAPPINGS:
        text = (packaged("zoho") / f"{kind}.yaml").read_text(encoding="utf-8")
        if kind == "customer":
            text += "  custom.shoe: {field: Description, lens: text, policy: local}\n"
        (folder / f"{kind}.yaml").write_text(text, encoding="utf-8")
    rig.write(mappings="mappings/remote")
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute("ALTER TABLE clients ADD COLUMN shoe_size TEXT")
        told = {**row(ANN), "password_hash": UNMAPPED, "shoe_size": UNCLASSIFIED}
        marks = ", ".join("?" * len(told))
        shop.execute(
            f"INSERT INTO clients ({', '.join(told)}) VALUES ({marks})", list(told.values())
        )
        shop.commit()
    return rig


def edit_both(rig: Rig, number: int) -> None:
    """The shop and the vendor move the same field of hers: a conflict of two canaries."""
    ref = next(r["id"] for r in rig.sandbox.records("Contacts") if r["Email"] == ANN.email)
    rig.sandbox.edit("Contacts", ref, {"Mobile": f"+861391111{number:04d}"})
    with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
        shop.execute(
            "UPDATE clients SET mobile = ? WHERE mail = ?", (f"1390000{number:04d}", ANN.email)
        )
        shop.commit()


def scanner(rig: Rig) -> Scanner:
    moved = [f"139{block}{n:04d}" for block in ("0000", "1111") for n in range(1, 9)]
    known = [*ANN.values(), *row(ANN).values(), UNMAPPED, UNCLASSIFIED, *moved]
    return Scanner([*known, *secrets(rig.sandbox)])


OWN = ("shop.db", "shop.db-wal", "shop.db-shm", *SECRETS)
"""What the shop and the operator wrote themselves."""


def test_01_nothing_that_we_write_holds_a_value_in_clear(rig: Rig) -> None:
    rig.ready()
    assert rig.run("sync").code == 0
    edit_both(rig, 1)
    rig.sandbox.fault("lost_after", count=1)
    rig.run("sync")
    assert rig.run("backup", "create").code == 0
    assert scanner(rig).files(rig.folder, but=OWN) == []
    arrived = json.dumps(rig.sandbox.requests(), ensure_ascii=False).encode()
    assert Scanner([ANN.name, ANN.email]).bytes("arrived", arrived), "hers do arrive at the vendor"
    assert Scanner([UNMAPPED, UNCLASSIFIED]).bytes("arrived", arrived) == []


def test_02_nothing_that_we_say_holds_a_value_or_a_secret(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """Every command, every fault on the line, all loggers at DEBUG, those of libraries too."""
    said: list[str] = []

    def run(*words: str) -> int:
        ran = rig.run("--log-level", "debug", *words)
        said.append(ran.all)
        return ran.code

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("urllib3").setLevel(logging.DEBUG)
        assert [run("keys", "init"), run("local", "install"), run("sync")] == [0, 0, 0]
        edit_both(rig, 2)
        for fault in ("html", "truncated", "error_although_applied", "lost_after", "empty"):
            rig.sandbox.fault(fault, count=1)
            run("sync")
        for words in (["plan"], ["status"], ["letters", "list"], ["conflicts", "list"], ["doctor"]):
            for more in ([], ["--json"]):
                run(*words, *more)
        for more in ([], ["--live"], ["--json"]):
            assert run("explain", "7", "--kind", "customer", *more) == 0
        # error paths: a row that the shop refuses, a name that nobody knows, a file cut short
        with closing(sqlite3.connect(rig.folder / "shop.db")) as shop:
            shop.execute(
                "CREATE TRIGGER no BEFORE UPDATE ON clients BEGIN"
                f" SELECT RAISE(ABORT, '{ANN.name} {ANN.email}'); END"
            )
            shop.commit()
        ref = next(r["id"] for r in rig.sandbox.records("Contacts") if r["Email"] == ANN.email)
        rig.sandbox.edit("Contacts", ref, {"First_Name": BEN.name})
        run("sync")
        wrong = rig.folder / "who.json"
        wrong.write_text(json.dumps({"emails.primary": ANN.email, "nobody": ANN.name}))
        assert run("privacy", "find", "--person-file", str(wrong)) != 0
        wrong.write_text(f'{{"emails.primary": "{ANN.email}", ')
        assert run("privacy", "find", "--person-file", str(wrong)) != 0
    search = scanner(rig)
    assert search.text("said", "\n".join(said)) == []
    assert Scanner(BEN.values()).text("said", "\n".join(said)) == []
    assert search.logs(caplog.records) == []
    assert len(said) > 20
    told = [*said, *(repr(vars(record)) for record in caplog.records)]
    form = {"grant_type": "refresh_token", **rig.sandbox.settings}
    issued = requests.post(f"{rig.sandbox.url}/oauth/v2/token", form, timeout=5).json()
    assert ISSUED.fullmatch(issued["access_token"]), "a token of the sandbox's looks like this"
    assert [one for one in told if ISSUED.search(one)] == [], "nor a token of this hour"


# --- 3: whatever a vendor answers, no exception carries it ---


class Vendor(NamedTuple):
    """A vendor's rig, and which paths are its login."""

    rig: Callable[[Any], Any]
    login: tuple[str, ...]
    addresses: tuple[str, ...]
    write: Callable[..., Write]
    named: Callable[[Canary], Mapping[str, Any]]
    object: str
    email: str


VENDORS: Mapping[str, Vendor] = {
    "zoho": Vendor(
        zoho_rig.Rig,
        ("/oauth/",),
        ("accounts_url", "api_url", "upload_url"),
        zoho_rig.create,
        lambda who: {"Last_Name": who.name, "Email": who.email, "Mobile": who.mobile},
        "Contacts",
        "Email",
    ),
    "fxiaoke": Vendor(
        fxiaoke_rig.Rig,
        ("/oauth2.0/", "/cgi/corpAccessToken"),
        ("api_url",),
        fxiaoke_rig.create,
        lambda who: {"name": who.name, "email": who.email, "tel": who.mobile},
        fxiaoke_rig.OBJECT,
        "email",
    ),
}

C = Kind.CUSTOMER

CALLS: Mapping[str, Callable[[Any, Vendor, Any], object]] = {
    "describe": lambda remote, _v, _ref: remote.describe(C),
    "changes": lambda remote, _v, _ref: list(remote.changes(C, None, None)),
    "listing": lambda remote, _v, _ref: list(remote.listing(C, None)),
    "fetch": lambda remote, _v, ref: remote.fetch(C, [ref]),
    "find": lambda remote, v, _ref: remote.find(C, v.email, [ANN.email]),
    "create": lambda remote, v, _ref: list(
        remote.write(C, [v.write("1", **v.named(ANN)), v.write("2", **v.named(BEN))])
    ),
    "update": lambda remote, v, ref: list(remote.write(C, [aimed("3", Op.UPDATE, ref, v)])),
    "remove": lambda remote, v, ref: list(remote.write(C, [aimed("4", Op.REMOVE, ref, v)])),
    "probe": lambda remote, _v, _ref: list(remote.probe()),
    "login": lambda remote, _v, _ref: remote.describe(C),
}


SOME = {call: CALLS[call] for call in ("fetch", "create", "login")}
"""For what takes long: each way by which a call leaves."""


def aimed(id_: str, op: Op, ref: Any, vendor: Vendor) -> Write:
    fields = vendor.named(BEN) if op is Op.UPDATE else {}
    return Write(id=id_, op=op, ref=ref, fields=fields, external_key="", unless_changed_since=None)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("zoho", {}),
        ("zoho", {"coql": False}),
        ("fxiaoke", {}),
        ("fxiaoke", LEGACY),
    ],
    ids=["zoho, queries", "zoho, lists", "fxiaoke, header", "fxiaoke, legacy"],
)
def test_03_no_exception_and_no_reason_carries_what_a_vendor_says(
    name: str,
    form: Mapping[str, Any],
    box: ZohoSandbox,
    fxbox: FxiaokeSandbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each call meets each spoiled answer, into which all that was sent is copied."""
    vendor = VENDORS[name]
    sandbox: SandboxProcess = {"zoho": box, "fxiaoke": fxbox}[name]
    caplog.set_level(logging.DEBUG)
    search = Scanner([*ANN.values(), *BEN.values(), *secrets(sandbox)])
    found: list[str] = []
    raised = met = 0
    with Spiteful(sandbox.url, " ".join([*ANN.values(), *BEN.values()])) as spite:
        own = {**dict.fromkeys(vendor.addresses, spite.url), **form}
        for how in [*SPOILED, CUT, LATE]:
            rig = vendor.rig(sandbox)
            rig.reset()
            ref = sandbox.seed(vendor.object, [vendor.named(ANN)])[0]
            for call, act in SOME.items() if how == LATE else CALLS.items():
                spite.through()
                if call == "login":
                    rig.host.slots.clear()
                else:
                    rig.open(**own).fetch(C, [ref])  # there is a token
                soon = {"timeout_s": 0.3, "call_life_s": 2} if how == LATE else {}
                remote = rig.open(**own, **soon)
                spite.strike(how, vendor.login, login=call == "login")
                before = spite.struck
                try:
                    found += search.text(f"{how}, {call}", repr(act(remote, vendor, ref)))
                except ConnectorError as error:
                    raised += 1
                    found += [f"{how}, {call}: {one}" for one in search.exception(error)]
                except Exception as error:  # the finding itself: a foreign error came out
                    found.append(f"{how}, {call}: {type(error).__name__} came out")
                met += spite.struck > before
    assert found == []
    assert search.logs(caplog.records) == []
    assert raised > 50
    assert met > 100


def test_03_no_exception_of_a_connector_carries_a_value(rig: Rig) -> None:
    """From the Python side: a whole sync for each spoiled answer, and a shop that says no."""
    rig.ready()
    assert rig.run("sync").code == 0
    words, search = " ".join(ANN.values()), scanner(rig)
    found: list[str] = []
    told = 0
    with Spiteful(rig.sandbox.url, words) as spite:
        config = rig.config.read_text(encoding="utf-8").replace(rig.sandbox.url, spite.url)
        config = config.replace("timeout_s = 4.0", "timeout_s = 0.5")
        rig.config.write_text(config, encoding="utf-8")
        for number, how in enumerate(["400", "401", "500", "no JSON", "another shape", CUT]):
            edit_both(rig, number % 8 + 1)
            spite.strike(how, VENDORS["zoho"].login, login=False)
            try:
                with open_connector(rig.config) as connector:
                    report = connector.sync()
                    found += search.text(how, repr(report))
                errors = report.errors
            except ConnectorError as error:
                errors = [error]
            told += len(errors)
            found += [f"{how}: {one}" for error in errors for one in search.exception(error)]
    assert found == []
    assert told >= 6
