"""Insert, update, upsert, delete, recycle bin. README: Writing, Results, Conditional writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from connector.sandbox.calls import Call
from connector.sandbox.views import State
from connector_zoho import facts
from connector_zoho.sandbox.auth import Grant
from connector_zoho.sandbox.model import Externals, Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.refusals import Json, RefusedCall, RefusedItem, bad_item, envelope
from connector_zoho.sandbox.values import Values, header_time, parse_id, unknown_field

TRIGGERS: Final = ("workflow", "approval", "blueprint", "pathfinder", "orchestration")
_OWN_KEYS: Final = frozenset({"id", "Layout"})
Answer = tuple[int, Json | None]


@dataclass(slots=True, frozen=True)
class Batch:
    """What one writing call says beside its records."""

    items: list[Any]
    workflows: bool
    check: list[str]
    unless_after: int | None


class Writes:
    """Writing calls of one organisation, on behalf of one token's user."""

    def __init__(self, org: Organisation, grant: Grant, externals: Externals) -> None:
        self._org = org
        self._user = grant.user
        self._externals = externals

    # --- the body ---

    def read(self, module: Module, call: Call, *, conditional: bool) -> Batch:
        """Read and check the body as a whole. Raises RefusedCall: then nothing was written."""
        try:
            body = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            raise RefusedCall("INVALID_REQUEST", "unable to parse the request body") from None
        if not isinstance(body, dict):
            raise RefusedCall("INVALID_REQUEST", "the request body must be an object")
        details = {"api_name": "data", "json_path": "$.data"}
        if "data" not in body:
            raise RefusedCall("MANDATORY_NOT_FOUND", "required field not found", details)
        items = body["data"]
        if not isinstance(items, list) or not items:
            details |= {"expected_data_type": "jsonarray"}
            raise RefusedCall("INVALID_DATA", "invalid data", details)
        if len(items) > facts.WRITE_BATCH:
            raise RefusedCall(
                "LIMIT_EXCEEDED", "the limit of records is exceeded", details | {"limit": 100}
            )
        trigger = body.get("trigger")
        if trigger is not None and not (
            isinstance(trigger, list) and all(one in TRIGGERS for one in trigger)
        ):
            raise RefusedCall(
                "INVALID_DATA",
                "invalid data",
                {"api_name": "trigger", "json_path": "$.trigger", "supported_values": [*TRIGGERS]},
            )
        return Batch(
            items=items,
            workflows=trigger is None or "workflow" in trigger,
            check=self._check_fields(module, body.get("duplicate_check_fields")),
            unless_after=header_time(self._org, call, facts.IF_UNMODIFIED_SINCE)
            if conditional
            else None,
        )

    def _check_fields(self, module: Module, told: Any) -> list[str]:
        if told is None:
            return []
        path = "$.duplicate_check_fields"
        known = {*module.unique, module.duplicate_field}
        if isinstance(told, list):
            bad = next((i for i, one in enumerate(told) if one not in known), None)
            if bad is None:
                return told
            path = f"{path}[{bad}]"
        raise RefusedCall(
            "INVALID_DATA",
            "invalid data",
            {"api_name": "duplicate_check_fields", "json_path": path},
        )

    # --- the calls ---

    def insert(self, module: Module, batch: Batch) -> list[Json]:
        """Insert each record; one result for each, in order."""
        return [
            self._guarded(lambda i=i, item=item: self._insert(module, batch, i, item))
            for i, item in enumerate(batch.items)
        ]

    def update(self, module: Module, batch: Batch, told: str | None = None) -> list[Json]:
        """Update each record; `told`: the id in the path, for one record."""
        return [
            self._guarded(lambda i=i, item=item: self._update(module, batch, i, item, told))
            for i, item in enumerate(batch.items)
        ]

    def upsert(self, module: Module, batch: Batch) -> list[Json]:
        """Update what is found by the duplicate check, insert the rest."""
        return [
            self._guarded(lambda i=i, item=item: self._upsert(module, batch, i, item))
            for i, item in enumerate(batch.items)
        ]

    def delete(self, module: Module, told: Sequence[str]) -> list[Json]:
        """Put each record into the bin."""
        return [self._guarded(lambda one=one: self._delete(module, one)) for one in told]

    def status(self, results: Sequence[Json], good: int) -> int:
        """Choose the HTTP status that goes with the results. README: Results."""
        bad = [one for one in results if one["status"] == "error"]
        if not bad:
            return good
        if len(bad) < len(results):
            return int(self._org.switches["mixed_status"])
        if all(one["code"] == "ALREADY_MODIFIED" for one in bad):
            return 412
        return int(self._org.switches["all_failed_status"])

    @staticmethod
    def _guarded(act: Any) -> Json:
        try:
            done: Json = act()
        except RefusedItem as refused:
            return refused.body
        return done

    # --- one record ---

    def _insert(self, module: Module, batch: Batch, place: int, item: Any) -> Json:
        values = self._values(module, place, item, None)
        self._org.check_unique(module, None, values, f"$.data[{place}]")
        if batch.workflows:
            self._org.run_workflows(module, "create", values)
        return self._done(self._org.commit(module, None, values, self._user), "record added")

    def _update(
        self, module: Module, batch: Batch, place: int, item: Any, told: str | None
    ) -> Json:
        path = f"$.data[{place}]"
        number = self._target(module, item, path, told)
        return self._change(module, batch, place, item, number, "record updated")

    def _change(
        self, module: Module, batch: Batch, place: int, item: Any, number: int, message: str
    ) -> Json:
        state = module.live[number]
        self._refuse_held(module, state)
        if batch.unless_after is not None and state.modified > batch.unless_after:
            raise RefusedItem(
                "ALREADY_MODIFIED", "the record was already modified", self._about(state)
            )
        values = self._values(module, place, item, state)
        self._org.check_unique(module, number, values, f"$.data[{place}]")
        if batch.workflows:
            self._org.run_workflows(module, "edit", values)
        return self._done(self._org.commit(module, number, values, self._user), message)

    def _upsert(self, module: Module, batch: Batch, place: int, item: Any) -> Json:
        if not isinstance(item, dict):
            raise bad_item("data", f"$.data[{place}]", expected_data_type="jsonobject")
        system, checks = module.duplicate_field, list(batch.check)
        if not checks:
            checks.append(system)
        checks += [name for name in module.unique if name not in checks]
        for name in checks:
            number = self._match(module, name, item.get(name))
            if number is not None:
                done = self._change(module, batch, place, item, number, "record updated")
                return done | {"action": "update", "duplicate_field": name}
        done = self._insert(module, batch, place, item)
        return done | {"action": "insert", "duplicate_field": None}

    def _match(self, module: Module, name: str, value: Any) -> int | None:
        if not isinstance(value, str) or not value:
            return None
        if name in module.unique:
            return module.holder(name, value)
        # the system's field need not be unique: the oldest of several is taken here
        wanted = value.casefold()
        found = [
            number
            for number in module.feed.numbers_with(name, [value])
            if number in module.live
            and str(module.live[number].values.get(name)).casefold() == wanted
        ]
        if found or self._org.limits.feed_lag_s == 0:
            return min(found, default=None)
        late = (s.number for s in module.live.values() if s.values.get(name) == value)
        return min(late, default=None)

    def _delete(self, module: Module, told: str) -> Json:
        number = self._externals.record(module, told)
        if number is None and not self._externals.given(module):
            number = parse_id(told)
            if number is None:
                code = self._org.switches["bad_id_on_delete"]
                raise RefusedItem(code, "the id given seems to be invalid", {"id": told})
        if number is None or number not in module.live or number in module.hidden:
            raise RefusedItem("INVALID_DATA", "record not deleted", {"id": told})
        self._refuse_held(module, module.live[number])
        self._org.remove(module, number, self._user)
        return {
            "code": "SUCCESS",
            "details": {"id": str(number)},
            "message": "record deleted",
            "status": "success",
        }

    # --- parts ---

    def _target(self, module: Module, item: Any, path: str, told: str | None) -> int:
        if not isinstance(item, dict):
            raise bad_item("data", path, expected_data_type="jsonobject")
        given = told if told is not None else item.get("id")
        external = self._externals.field(module)
        if given is None and external is not None:
            given = item.get(external)
        if given is None:
            raise RefusedItem(
                "MANDATORY_NOT_FOUND",
                "required field not found",
                {"api_name": "id", "json_path": f"{path}.id"},
            )
        if external is not None:
            number = self._externals.record(module, str(given))
            if number is None or number in module.hidden:
                raise bad_item(external, path, "The value of the external field is invalid.")
            return number
        number = parse_id(given)
        if number is None or number not in module.live:
            raise bad_item("id", f"{path}.id", "the id given seems to be invalid")
        return number

    def _refuse_held(self, module: Module, state: State) -> None:
        if state.number in module.hidden:
            raise RefusedItem(
                "NO_PERMISSION",
                "permission denied to change the record",
                {"permissions": [f"Crm_Implied_Edit_{module.name}"], "id": str(state.number)},
            )
        if state.number in module.locked:
            raise RefusedItem("RECORD_LOCKED", "the record is locked", {"id": str(state.number)})

    def _values(self, module: Module, place: int, item: Any, old: State | None) -> Json:
        """All values of the record as it would be stored. Raises RefusedItem."""
        path = f"$.data[{place}]"
        if not isinstance(item, dict):
            raise bad_item("data", path, expected_data_type="jsonobject")
        values: Json = dict(old.values) if old is not None else {}
        errors = self._take(module, path, item, old, values)
        told = {error.body["details"].get("api_name") for error in errors}
        errors += [
            RefusedItem(
                "MANDATORY_NOT_FOUND",
                "required field not found",
                {"api_name": field.name, "json_path": f"{path}.{field.name}"},
            )
            for field in module.fields.values()
            if field.mandatory and values.get(field.name) is None and field.name not in told
        ]
        if len(errors) > 1 and self._org.switches["several_errors"] == "all":
            raise RefusedItem(
                "MULTIPLE_OR_MULTI_ERRORS",
                "more than one error occurred",
                {"errors": [one.body for one in errors]},
            )
        if errors:
            raise errors[0]
        return values

    def _take(
        self, module: Module, path: str, item: Json, old: State | None, values: Json
    ) -> list[RefusedItem]:
        """Put what is written into `values`; answers what was refused of it."""
        check = Values(self._org, self._externals.resolver_of(module))
        appending = item.get("$append_values") if old is not None else None
        errors: list[RefusedItem] = []
        for name, value in item.items():
            if name.startswith("$") or name in _OWN_KEYS:
                continue
            field = module.fields.get(name)
            if field is None:
                if self._org.switches["unknown_field"] == "refused":
                    errors.append(unknown_field(name, f"{path}.{name}"))
                continue
            if field.read_only:
                continue
            kept = None
            if isinstance(appending, dict) and appending.get(name) is True and old is not None:
                kept = old.values.get(name)
            try:
                values[name] = check.stored(field, value, f"{path}.{name}", kept)
            except RefusedItem as refused:
                errors.append(refused)
                continue
            if values[name] is None and field.type == "boolean":
                values[name] = False
        return errors

    @staticmethod
    def _about(state: State) -> Json:
        values = state.values
        about = {name: values[name] for name in ("id", "Created_Time", "Modified_Time")}
        for name in ("Created_By", "Modified_By"):
            about[name] = {key: values[name][key] for key in ("name", "id")}
        return about

    def _done(self, state: State, message: str) -> Json:
        return {
            "code": facts.SUCCESS,
            "details": {**self._about(state), "$approval_state": "approved"},
            "message": message,
            "status": "success",
        }

    # --- recycle bin ---

    def purge(self, told: Sequence[str]) -> list[Json]:
        """Take records of any module out of the bin for ever."""
        return [self._bin(one, restore=False) for one in told]

    def restore(self, told: Sequence[str]) -> list[Json]:
        """Bring records of any module back from the bin."""
        return [self._bin(one, restore=True) for one in told]

    def _bin(self, told: str, *, restore: bool) -> Json:
        number = parse_id(told)
        for module in self._org.modules.values():
            gone = module.removed.get(number) if number is not None else None
            if gone is None or gone.type != "recycle" or number is None:
                continue
            if not restore:
                self._org.purge(module, number)
            else:
                try:
                    self._org.restore(module, number)
                except RefusedItem as refused:
                    return refused.body
            return {
                "code": facts.SUCCESS,
                "details": {"id": told},
                "message": "record restored" if restore else "record deleted",
                "status": "success",
            }
        return envelope("INVALID_DATA", "the id given seems to be invalid", {"id": told})
