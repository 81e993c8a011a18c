"""Who plays a seed's vendors: two memory vendors, or the real plugins on their stand-ins."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from connector_fxiaoke import plugin as fxiaoke_plugin
from connector_fxiaoke.sandbox.app import SandboxApp as FxiaokeApp
from connector_fxiaoke.sandbox.auth import APP_ID, APP_SECRET, PERMANENT_CODE
from connector_fxiaoke.settings import FxiaokeSettings
from connector_zoho import plugin as zoho_plugin
from connector_zoho.sandbox.app import SandboxApp as ZohoApp
from connector_zoho.sandbox.auth import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from connector_zoho.settings import ZohoSettings
from pydantic import SecretStr

from connector.host import StoreHost
from connector.http.session import HttpSession
from connector.http.settings import HttpSettings
from connector.mapping.load import load_vendor, packaged
from connector.mapping.schema import VendorMapping
from connector.plugin import AllowList, Kind, Remote, Session, Target
from connector.privacy.vault import Vault
from connector.sandbox.app import App
from connector.sandbox.workflows import read_workflows
from connector.store.database import Store
from connector.testing.clock import ManualClock
from tests.simulation.network import Line, Network
from tests.simulation.sandboxes import FxiaokeHouse, SandboxHouse, ZohoHouse
from tests.simulation.vendors import ROUTED

T = TypeVar("T")
R = TypeVar("R")

ZOHO, FXIAOKE = "https://zoho.example.test", "https://fxiaoke.example.test"


class WiredHost(StoreHost):
    """The host that a real process has, on the story's network and in one thread."""

    def __init__(
        self, name: str, store: Store, vault: Vault, clock: ManualClock, rng: Random, net: Network
    ) -> None:
        super().__init__(name, store, vault, clock, rng)
        self._network = net

    def session(self, hosts: AllowList, *, timeout_s: float, pool: int = 4) -> Session:
        return HttpSession(
            hosts,
            timeout_s=timeout_s,
            pool=pool,
            clock=self.clock,
            rng=self.rng,
            adapter=self._network,
        )

    def spread(self, work: Callable[[T], R], items: Iterable[T], width: int) -> Iterator[R]:
        return map(work, items)


class Plugins:
    """Both real plugins, as one seed has them: settings, tenants and how wrong their clocks are."""

    def __init__(self, rng: Random, clock: ManualClock, late: Callable[[str], None]) -> None:
        """`late` is told the name of a vendor that shows a commit only later."""
        self.network = Network(clock)
        self._clock = clock
        self._dice = Random(rng.getrandbits(32))
        wrong = {name: rng.choice([0, 0, 40, -40, 5000, -5000]) for name in ("zoho", "fxiaoke")}
        net = self.network
        self.zoho = ZohoApp(now=lambda: net.now() + wrong["zoho"], rng=Random(1))
        self.fxiaoke = FxiaokeApp(now=lambda: net.now() + wrong["fxiaoke"], rng=Random(2))
        self.apps: dict[str, App] = {"zoho": self.zoho, "fxiaoke": self.fxiaoke}
        self.pull = rng.choice(["manual", "propagate", "propagate"])
        """What a removal in the CRM does to the shop's row; `manual` is as shipped."""
        zoho, fxiaoke = self._zoho(rng), self._fxiaoke(rng)
        self.settings: dict[str, HttpSettings] = {"zoho": zoho, "fxiaoke": fxiaoke}
        zoho_lag, fxiaoke_lag = zoho.feed_lag_s, min(fxiaoke.feed_lag_s, _seconds(fxiaoke.find_lag))
        self.houses: dict[str, SandboxHouse] = {
            "zoho": ZohoHouse(self.zoho, net.land, self._lag(zoho_lag), lambda: late("zoho")),
            "fxiaoke": FxiaokeHouse(
                self.fxiaoke, net.land, self._lag(fxiaoke_lag), lambda: late("fxiaoke")
            ),
        }
        self.rules = Counter(f"fault {rule}" for rule in self._rules(rng))
        """The faults that are made of rules and clocks, which hold for the whole story."""
        self.rules["fault skewed clock"] += sum(map(bool, wrong.values()))
        self.rules["fault coarse clock"] += 1

    def connect(self, line: Callable[[str], Line]) -> None:
        """Put the lines into the network, made by the vendor's name."""
        for name, url in (("zoho", ZOHO), ("fxiaoke", FXIAOKE)):
            self.apps[name].set_base_url(url)
            self.network.connect(url.partition("//")[2], line(name))

    def mappings(self, name: str) -> Mapping[Kind, VendorMapping]:
        return shipped(name, self.pull)

    def open(
        self, name: str, targets: Mapping[Kind, Target], store: Store, vault: Vault, rng: Random
    ) -> Remote:
        host = WiredHost(name, store, vault, self._clock, rng, self.network)
        plugin: Any = zoho_plugin if name == "zoho" else fxiaoke_plugin
        remote: Remote = plugin.open(self.settings[name], targets, host)
        self.houses[name].able = remote.capabilities
        return remote

    # --- what a seed draws ---

    def _zoho(self, rng: Random) -> ZohoSettings:
        self.zoho.switches["text"] = rng.choice(["kept", "trimmed"])
        return ZohoSettings(
            accounts_url=ZOHO,
            api_url=ZOHO,
            client_id=SecretStr(CLIENT_ID),
            client_secret=SecretStr(CLIENT_SECRET),
            refresh_token=SecretStr(REFRESH_TOKEN),
            coql=rng.choice(["auto", "auto", False]),
            list_page=rng.choice([2, 3, 7, 200]),
            query_page=rng.choice([2, 3, 7, 2000]),
            feed_lag_s=rng.choice([0, 2, 120]),
            workflows=rng.random() < 0.5,
        )

    def _fxiaoke(self, rng: Random) -> FxiaokeSettings:
        unique, shown = rng.random() < 0.5, rng.random() < 0.5
        switches = self.fxiaoke.switches
        switches["unique_enforced"] = "yes" if unique else "no"
        switches["preset_shows_invalid"] = "yes" if shown else "no"
        lag = rng.choice([0, 2, 120])
        return FxiaokeSettings(
            api_url=FXIAOKE,
            app_id=SecretStr(APP_ID),
            app_secret=SecretStr(APP_SECRET),
            permanent_code=SecretStr(PERMANENT_CODE),
            owner="1000",
            page_size=rng.choice([2, 3, 7, 100]),
            feed_lag_s=lag,
            find_lag_s=float(lag) if lag < 60 else 60.0,
            reads_invalidated=shown,
            unique_key=unique,
            workflows=rng.random() < 0.5,
        )

    def _rules(self, rng: Random) -> Iterator[str]:
        """Make rules as administrators do before a story begins; yields their names."""
        for name, app in self.apps.items():
            house = self.houses[name]
            if rng.random() < 0.5:
                rule = {app.noun: house.object, "set": {house.city: ROUTED}}
                app.org.workflows = read_workflows([rule], app.noun)
                yield "workflow rewrites"
        if rng.random() < 0.5:
            module = self.zoho.org.modules["Contacts"]
            self.zoho.org.define_field(module, {**module.fields["Email"].meta, "unique": True})
            yield "duplicate rule"
        if self.zoho.switches["text"] == "trimmed":
            yield "vendor normalises"

    def _lag(self, most: float) -> Callable[[], float]:
        """A lag within what the settings declare, for each commit anew."""
        return lambda: self._dice.choice([0.0, self._dice.uniform(0, 0.9 * most)])


def _seconds(span: dt.timedelta | None) -> float:
    assert span is not None, "a story declares what it does"
    return span.total_seconds()


@cache
def shipped(name: str, pull: str) -> Mapping[Kind, VendorMapping]:
    """The packaged mappings of a plugin, read once for all seeds of a process."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in Kind:
            text = (packaged(name) / f"{kind}.yaml").read_text(encoding="utf-8")
            file = Path(folder, f"{kind}.yaml")
            file.write_text(text.replace("pull: manual", f"pull: {pull}"), encoding="utf-8")
            found[kind] = load_vendor(file)
    return found
