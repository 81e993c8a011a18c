"""Clients that nobody here wrote speak to the Fxiaoke sandbox: `pytest -m peers`.

Each is installed from PyPI into an environment of its own, its newest version. All have the
vendor's host written into their code, in several places, and no setting for it: the programs below
send whatever goes to that host to the sandbox instead, at requests' own `Session.request`, and
change nothing else. One that cannot be installed or run fails here with its error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connector_fxiaoke import plugin
from connector_fxiaoke.sandbox.handle import FxiaokeSandbox
from connector_fxiaoke.sandbox.model import INTEGRATION

pytestmark = pytest.mark.peers

DETOUR = """
import json, sys
import requests
told = json.load(sys.stdin)
straight = requests.Session.request
def request(self, method, url, *rest, **more):
    url = url.replace("https://open.fxiaoke.com", told["url"])
    return straight(self, method, url, *rest, **more)
requests.Session.request = request
"""

FXIAOKE_PYTHON = """
from fxiaoke.api import FxiaokeApi, Request
from fxiaoke.baseObj import baseObj
from fxiaoke.op_create import createObj
from fxiaoke.op_get import getObj
from fxiaoke.op_query import queryObj

api = FxiaokeApi.init(told["app_id"], told["app_secret"], told["permanent_code"], told["open_id"])
out = {}
fields = baseObj(api).describe("AccountObj")["describe"]["fields"]
out["described"] = fields["ext_key__c"]["type"]
made = createObj(api).execute(
    {"name": "林", "ext_key__c": "k1", "owner": [told["open_id"]]}, dataObjectApiName="AccountObj"
)
out["made"] = ref = made["dataId"]
out["got"] = getObj(api).execute(ref, dataObjectApiName="AccountObj")["name"]
# it has no update of its own; this is how its own calls are made
request = Request("data", method="POST", endpoint="update", api=api)
record = {"_id": ref, "dataObjectApiName": "AccountObj", "name": "王"}
request.add_params({"data": {"object_data": record}, "triggerWorkFlow": False})
request.execute()
key = {"field_name": "ext_key__c", "operator": "EQ", "field_values": ["k1"]}
out["found"] = [row["name"] for row in queryObj(api).execute("AccountObj", filters=[key])]
by_id = [{"fieldName": "_id", "isAsc": True}]
pages = queryObj(api).execute("ContactObj", orders=by_id, limit=100)
out["paged"] = [row["name"] for row in pages]
out["total"] = pages.total()
some = queryObj(api).execute("ContactObj", orders=by_id, fieldProjection=["name"], limit=1)
out["projected"] = sorted(next(some))
card = {"name": "card", "customer__c": ref, "owner": [told["open_id"]]}
made = createObj(api).execute(card, dataObjectApiName="membership__c")
got = getObj(api).execute(made["dataId"], dataObjectApiName="membership__c")
out["custom"] = [got["customer__c__r"], got["life_status"]]
try:
    createObj(api).execute({"ext_key__c": "k1"}, dataObjectApiName="AccountObj")
except RuntimeError as error:
    out["refused"] = "50009" in str(error)
print(json.dumps(out))
"""

AIRFLOW = """
from airflow_fxiaoke.hooks.query import FxiaokeHooks

hook = FxiaokeHooks()
out = {}
out["described"] = hook.describe("AccountObj")["describe"]["api_name"]
rows = list(hook.query("AccountObj", 0, 4102416000000))
out["found"] = [row["name"] for row in rows]
out["none"] = list(hook.query("AccountObj", 0, 1))
out["got"] = hook.get("AccountObj", rows[0]["_id"])["name"]
out["by_creation"] = len(list(hook.query("AccountObj", 0, 4102416000000, "create_time")))
print(json.dumps(out))
"""

CRM_CLI = """
import logging
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
from src.crm import CRMClient
from src.describe import DescribeClient
from src.fxiaoke_auth import TokenManager
from src.query import LeadQueryClient

tokens = TokenManager(told["app_id"], told["app_secret"], told["permanent_code"], told["mobile"])
out = {"user": tokens.get_auth_headers()["currentOpenUserId"]}
described = DescribeClient(tokens).describe_object("LeadsObj")
out["options"] = [one.value for one in described.fields["biz_status"].options]
lead = {"id": "1", "company_name": "Tea Ltd", "email": "mia@example.test", "country": "FR"}
pooled = CRMClient(tokens, pool_id="pool-1").create_client(lead)
out["pooled"] = [pooled.success, pooled.error]
owner = CRMClient(tokens, owner_fsuid=told["open_id"])
owned = owner.create_client({**lead, "email": "b@example.test"})
out["owned"] = [owned.success, owned.error]
leads = LeadQueryClient(tokens)
found = leads.query_by_email("mia@example.test")
out["same"] = found.lead_id == pooled.crm_client_id
out["owner"] = leads.query_by_id(owned.crm_client_id).raw_data["owner"]
out["unknown"] = leads.query_by_email("nobody@example.test")
print(json.dumps(out))
"""


@pytest.fixture
def sandbox() -> Iterator[FxiaokeSandbox]:
    with plugin.start_sandbox() as sandbox:
        yield sandbox


class Peer:
    """An environment with one client in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done([sys.executable, "-m", "venv", str(folder / "venv")])

    def install(self, *what: str) -> None:
        """Install from PyPI; fails the test with pip's own words."""
        pip = [str(self._folder / "venv" / "bin" / "pip"), "--disable-pip-version-check"]
        self._done([*pip, "install", "--quiet", *what])

    def run(self, program: str, sandbox: FxiaokeSandbox, **environment: str) -> Any:
        """Run a program of the client's; what it prints last, from JSON."""
        told = {**sandbox.settings, "url": sandbox.url, "mobile": INTEGRATION["phone"]}
        told["open_id"] = INTEGRATION["open_id"]
        python = str(self._folder / "venv" / "bin" / "python")
        # crm-cli keeps a cache in the home folder
        environment["HOME"] = str(self._folder)
        out = self._done([python, "-c", DETOUR + program], json.dumps(told), environment)
        return json.loads(out.splitlines()[-1])

    def _done(
        self, command: list[str], given: str = "", environment: dict[str, str] | None = None
    ) -> str:
        plain = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        done = subprocess.run(
            command,
            input=given,
            cwd=self._folder,
            env={**plain, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{command[:4]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout


def test_fxiaoke_python_creates_reads_changes_and_pages(
    sandbox: FxiaokeSandbox, tmp_path: Path
) -> None:
    names = [f"n{number}" for number in range(230)]
    sandbox.seed("ContactObj", [{"name": name} for name in names])
    peer = Peer(tmp_path)
    # it imports six without asking for it
    peer.install("fxiaoke-python", "six")
    told = peer.run(FXIAOKE_PYTHON, sandbox)
    assert told == {
        "described": "text",
        "made": sandbox.records("AccountObj")[0]["_id"],
        "got": "林",
        "found": ["王"],
        "paged": names,
        "total": 230,
        "projected": ["_id", "name", "searchAfterId", "total_num"],
        "custom": ["王", "normal"],
        "refused": True,
    }
    assert sandbox.calls()["token"] == 1


def test_airflow_s_hooks_query_a_window_and_get(sandbox: FxiaokeSandbox, tmp_path: Path) -> None:
    for name in ("a", "b"):
        sandbox.create("AccountObj", {"name": name})
    peer = Peer(tmp_path)
    # its requirements ask for Google's provider too, which its hooks do not need
    peer.install("--no-deps", "airflow-provider-fxiaoke", "fxiaoke-python")
    peer.install("apache-airflow<3", "requests", "six")
    settings = sandbox.settings
    extra = {"permanent_code": settings["permanent_code"], "open_user_id": INTEGRATION["open_id"]}
    connection = {
        "conn_type": "fxiaoke",
        "login": settings["app_id"],
        "password": settings["app_secret"],
        "extra": extra,
    }
    told = peer.run(
        AIRFLOW,
        sandbox,
        AIRFLOW_CONN_FXIAOKE_DEFAULT=json.dumps(connection),
        AIRFLOW_HOME=str(tmp_path / "airflow"),
    )
    assert sorted(told.pop("found")) == ["a", "b"]
    assert told.pop("got") in ("a", "b")
    assert told == {"described": "AccountObj", "none": [], "by_creation": 2}


def test_crm_cli_finds_its_user_and_puts_leads_into_a_pool(
    sandbox: FxiaokeSandbox, tmp_path: Path
) -> None:
    peer = Peer(tmp_path)
    peer.install("crm-cli")
    told = peer.run(CRM_CLI, sandbox)
    assert told == {
        "user": INTEGRATION["open_id"],
        "options": ["un_assigned", "un_processed", "processed"],
        "pooled": [True, None],
        "owned": [True, None],
        "same": True,
        "owner": [INTEGRATION["open_id"]],
        "unknown": None,
    }
