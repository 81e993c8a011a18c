"""The organisation behind the sandbox: its users, and every commit to its records.

Nothing here knows of HTTP, tokens or faults. Time and chance come from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from connector.sandbox.clock import Time
from connector.sandbox.views import State
from connector.sandbox.workflows import Workflow
from connector_zoho.sandbox.config import Limits, default_switches
from connector_zoho.sandbox.objects import Module, Removed
from connector_zoho.sandbox.organisation import DEFAULT_MODULES
from connector_zoho.sandbox.refusals import Json, RefusedCall, RefusedItem, invalid_module
from connector_zoho.sandbox.schema import SYSTEM_FIELDS, Field, define_field, module_meta

RIGHTS: Final = ("viewable", "creatable", "editable", "deletable")
FIRST_ID: Final = 4_150_000_000_002_175_001
INTEGRATION: Final[Json] = {
    "name": "Connector Integration",
    "id": "4150000000000225013",
    "email": "connector@example.test",
}
CLERK: Final[Json] = {"name": "Ops Clerk", "id": "4150000000000225029", "email": "ops@example.test"}


class Organisation:
    """All state of one organisation."""

    def __init__(
        self, time: Time, rng: Random, modules: Iterable[Mapping[str, Any]] | None
    ) -> None:
        self.time = time
        self.rng = rng
        self.zgid = "808126590"
        self.zone_name = "Asia/Shanghai"
        self._zone = ZoneInfo(self.zone_name)
        self.users: dict[str, Json] = {user["id"]: user for user in (INTEGRATION, CLERK)}
        self.switches = default_switches()
        self.limits = Limits()
        self.modules: dict[str, Module] = {}
        self.workflows: list[Workflow] = []
        self._module_ids: dict[str, str] = {}
        """By name, of those too that are only pointed at: a lookup names its module with its id."""
        self._last_id = FIRST_ID
        self._last_meta_id = 4_150_000_000_000_002_001
        for given in DEFAULT_MODULES if modules is None else modules:
            self.define(given)

    # --- definitions ---

    def define(self, given: Mapping[str, Any]) -> Module:
        """Add a module, or fields and rights to one that is there (fields replace their
        namesakes)."""
        name = str(given["api_name"])
        custom = given.get("generated_type", "custom") == "custom"
        module = self.modules.get(name)
        if module is None:
            meta = module_meta(name, self._module_id(name), custom=custom, given=given)
            module = self.modules[name] = Module(name=name, meta=meta, fields={}, custom=custom)
            for system in SYSTEM_FIELDS:
                self.define_field(module, system)
        module.meta.update({right: given[right] for right in RIGHTS if right in given})
        for one in given.get("fields", ()):
            self.define_field(module, one)
        module.meta["modified_time"] = self.render(int(self.time.now()))
        return module

    def define_field(self, module: Module, given: Mapping[str, Any]) -> None:
        made = define_field(given, str(given.get("id") or self._meta_id()))
        if made.target is not None:
            aimed = made.meta["lookup"]["module"]
            made.meta["lookup"]["module"] = {"id": self._module_id(made.target), **aimed}
        module.fields[made.name] = made
        module.unique.pop(made.name, None)
        if made.unique:
            module.unique[made.name] = {}
            for state in module.live.values():
                module.index_unique(state)

    def _module_id(self, name: str) -> str:
        if name not in self._module_ids:
            self._module_ids[name] = self._meta_id()
        return self._module_ids[name]

    def drop_field(self, module: Module, name: str) -> None:
        """Take a field away; the values stay, unseen, as if hidden for this profile."""
        module.fields.pop(name)
        module.unique.pop(name, None)

    def module(self, name: str) -> Module:
        """Look up a module with its views up to date. Raises RefusedCall INVALID_MODULE."""
        module = self.modules.get(name)
        if module is None or not module.meta["api_supported"]:
            raise invalid_module()
        now = self.time.now()
        module.feed.settle(now)
        module.found.settle(now)
        return module

    def set_zone(self, name: str) -> None:
        """Let the user live in another zone; all stored times are told anew."""
        self._zone, self.zone_name = ZoneInfo(name), name
        for module in self.modules.values():
            times = [f.name for f in module.fields.values() if f.type == "datetime"]
            for state in module.live.values():
                for field_name in times:
                    told = state.values.get(field_name)
                    if told is not None:
                        state.values[field_name] = self.render(
                            int(datetime.fromisoformat(told).timestamp())
                        )

    # --- small things ---

    def render(self, epoch: int) -> str:
        """Tell a time as the vendor does: whole seconds, with the offset of the user's zone."""
        return datetime.fromtimestamp(epoch, self._zone).isoformat()

    def new_number(self) -> int:
        self._last_id += self.rng.randint(1, 9)
        return self._last_id

    def _meta_id(self) -> str:
        self._last_meta_id += 2
        return str(self._last_meta_id)

    # --- commits ---

    def commit(
        self,
        module: Module,
        number: int | None,
        values: Json,
        user: Json,
        modified: int | None = None,
    ) -> State:
        """Write a record: `values` are all of its fields. `number` None makes a new one.

        Raises RefusedItem DUPLICATE_DATA if a unique value belongs to another record.
        """
        old = module.live.get(number) if number is not None else None
        self.check_unique(module, number, values, "$.data[0]")
        now = self.time.now()
        state = self._state(module, old, number, values, user, modified)
        if old is not None:
            module.index_unique(old, remove=True)
        module.live[state.number] = state
        module.index_unique(state)
        module.feed.put(state.number, state, now + self.limits.feed_lag_s, now)
        module.found.put(state.number, state, now + self.limits.search_lag_s, now)
        return state

    def load(self, module: Module, rows: Iterable[Json], user: Json) -> list[str]:
        """Write many new records at once, past lags and checks of type.

        `id` and `Modified_Time` may be given. Raises RefusedItem for a unique value in use and
        ValueError for an id in use; what came before it stays.
        """
        states = []
        links = [name for name, one in module.fields.items() if one.type == "lookup"]
        times = [name for name, one in module.fields.items() if one.type == "datetime"]
        for given in rows:
            row = dict(given)
            for name in links:
                if isinstance(row.get(name), dict):
                    row[name] = row[name]["id"]
            for name in times:
                if row.get(name):
                    row[name] = self.render(int(datetime.fromisoformat(row[name]).timestamp()))
            told = row.get("Modified_Time")
            modified = int(datetime.fromisoformat(told).timestamp()) if told else None
            number = int(row["id"]) if row.get("id") else None
            if number in module.live:
                raise ValueError("a record of this id is there already")
            self.check_unique(module, None, row, "$")
            state = self._state(module, None, number, row, user, modified)
            self._last_id = max(self._last_id, state.number)
            module.live[state.number] = state
            module.index_unique(state)
            states.append(state)
        module.feed.load(states)
        module.found.load(states)
        return [str(state.number) for state in states]

    def _state(
        self,
        module: Module,
        old: State | None,
        number: int | None,
        values: Json,
        user: Json,
        modified: int | None,
    ) -> State:
        at = int(self.time.now()) if modified is None else modified
        made = dict(values)
        if "Full_Name" in module.fields:
            parts = (made.get("First_Name"), made.get("Last_Name"))
            made["Full_Name"] = " ".join(part for part in parts if part) or None
        told = self.render(at)
        if old is None:
            created = at
            number = self.new_number() if number is None else number
            made["Created_Time"] = told
            made["Created_By"] = user
            made.setdefault("Owner", user)
            made["Record_Status__s"] = "Available"
            for name, one in module.fields.items():
                if one.type == "boolean" and made.get(name) is None:
                    made[name] = False
                elif one.type == "autonumber":
                    made.setdefault(name, str(len(module.live) + 1))
        else:
            created, number = old.created, old.number
        made["id"] = str(number)
        made["Modified_Time"] = told
        made["Modified_By"] = user
        made["Locked__s"] = number in module.locked
        return State(number, created, at, made)

    def check_unique(self, module: Module, number: int | None, values: Json, path: str) -> None:
        """Raise RefusedItem DUPLICATE_DATA if a unique value belongs to another live record."""
        for name in module.unique:
            value = values.get(name)
            if value is None:
                continue
            holder = module.holder(name, value)
            if holder is not None and holder != number:
                raise self.duplicate(module, name, f"{path}.{name}", holder)

    def duplicate(self, module: Module, name: str, path: str, holder: int) -> RefusedItem:
        owner = module.live[holder].values["Owner"]
        return RefusedItem(
            "DUPLICATE_DATA",
            "duplicate data",
            {
                "api_name": name,
                "json_path": path,
                "id": str(holder),
                "duplicate_record": {
                    "id": str(holder),
                    "Owner": {"name": owner["name"], "id": owner["id"]},
                    "module": {"api_name": module.name, "id": module.meta["id"]},
                },
                "more_records": False,
            },
        )

    def remove(
        self, module: Module, number: int, user: Json | None, *, final: bool = False
    ) -> None:
        """Put a live record into the bin, or (`final`, or a module without a bin) away for ever."""
        state = module.live.pop(number)
        module.index_unique(state, remove=True)
        now = self.time.now()
        visible_at = now + self.limits.feed_lag_s
        module.feed.put(number, None, visible_at, now)
        module.found.put(number, None, now + self.limits.search_lag_s, now)
        final = final or not module.meta["recycle_bin_on_delete"]
        module.removed[number] = Removed(
            state=state,
            display_name=None if final else module.title(state),
            at=int(now),
            by=None if final or user is None else {"name": user["name"], "id": user["id"]},
            type="permanent" if final else "recycle",
            created_by=None
            if final
            else {k: state.values["Created_By"][k] for k in ("name", "id")},
            visible_at=visible_at,
        )

    def purge(self, module: Module, number: int) -> None:
        """Take a record out of the bin for ever. Raises KeyError if it is not there."""
        gone = module.removed[number]
        if gone.type != "recycle":
            raise KeyError(number)
        gone.type, gone.display_name, gone.by, gone.created_by = "permanent", None, None, None
        gone.at = int(self.time.now())

    def restore(self, module: Module, number: int) -> State:
        """Bring a record back from the bin. Raises KeyError (not there), RefusedItem (a clash)."""
        gone = module.removed[number]
        if gone.type != "recycle":
            raise KeyError(number)
        self.check_unique(module, number, gone.state.values, "$")
        del module.removed[number]
        state, now = gone.state, self.time.now()
        if self.switches["restored"] == "moved":
            values = {**state.values, "Modified_Time": self.render(int(now))}
            state = State(number, state.created, int(now), values)
        module.live[number] = state
        module.index_unique(state)
        module.feed.put(number, state, now + self.limits.feed_lag_s, now)
        module.found.put(number, state, now + self.limits.search_lag_s, now)
        return state

    def run_workflows(self, module: Module, event: str, values: Json) -> None:
        """Let the rules for this event change `values` in place."""
        for rule in self.workflows:
            rule.run(module.name, event, values)


class Externals:
    """What one `X-EXTERNAL` header says: `Module.Field`, `Module.Lookup.Field`, by commas.

    It lets a call name records by an external field's value. README: External ids.
    """

    def __init__(self, org: Organisation, header: str) -> None:
        self._org = org
        self._own: dict[str, str] = {}
        self._lookups: dict[tuple[str, str], str] = {}
        for part in filter(None, map(str.strip, header.split(","))):
            self._read(part.split("."))

    def _read(self, parts: list[str]) -> None:
        module = self._org.modules.get(parts[0])
        if module is not None and len(parts) == 2 and self._external(module, parts[1]):
            self._own[module.name] = parts[1]
            return
        if module is not None and len(parts) == 3 and parts[1] in module.fields:
            target = self._org.modules.get(module.fields[parts[1]].target or "")
            if target is not None and self._external(target, parts[2]):
                self._lookups[(module.name, parts[1])] = parts[2]
                return
        raise RefusedCall(
            "INVALID_DATA", "the external field given is invalid", {"header_name": "X-EXTERNAL"}
        )

    @staticmethod
    def _external(module: Module, name: str) -> bool:
        return name in module.fields and module.fields[name].external

    def given(self, module: Module) -> bool:
        """Whether ids of this module are external values in this call."""
        return module.name in self._own

    def field(self, module: Module) -> str | None:
        """The external field that stands for the id, if the header names one."""
        return self._own.get(module.name)

    def record(self, module: Module, told: str) -> int | None:
        """Find the live record with the external value; None without a header or without a hit."""
        name = self._own.get(module.name)
        return module.holder(name, told) if name is not None else None

    def resolver_of(self, module: Module) -> _Resolver:
        """A function for lookups of this module: external value to record."""
        return _Resolver(self._org, module, self._lookups)


class _Resolver:
    def __init__(
        self, org: Organisation, module: Module, lookups: dict[tuple[str, str], str]
    ) -> None:
        self._org, self._module, self._lookups = org, module, lookups

    def __call__(self, field: Field, value: str) -> int | None:
        name = self._lookups.get((self._module.name, field.name))
        if name is None:
            return None
        return self._org.modules[field.target or ""].holder(name, value)
