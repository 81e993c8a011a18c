"""The sandbox without a server: a request in, an answer out, with faults and budgets on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from connector.sandbox.app import App
from connector.sandbox.calls import Call, Reply
from connector.sandbox.watch import Watch
from connector_zoho import facts
from connector_zoho.sandbox import admin, making, metadata, spoil
from connector_zoho.sandbox.auth import Accounts, Grant
from connector_zoho.sandbox.budget import Budget
from connector_zoho.sandbox.bulk import calls as bulk_calls
from connector_zoho.sandbox.bulk.reads import BulkReads
from connector_zoho.sandbox.bulk.writes import BulkWrites
from connector_zoho.sandbox.config import SWITCHES
from connector_zoho.sandbox.faults import FAULTS
from connector_zoho.sandbox.model import Externals, Organisation
from connector_zoho.sandbox.objects import Module
from connector_zoho.sandbox.query import Queries
from connector_zoho.sandbox.reads import Reads
from connector_zoho.sandbox.refusals import RefusedCall
from connector_zoho.sandbox.routes import Answer, Route
from connector_zoho.sandbox.search import Search
from connector_zoho.sandbox.writes import Writes

WRITING: Final = frozenset({"insert", "update", "upsert", "delete", "purge", "restore"})
_RECORDS: Final = re.compile(r"/crm/v8/(?P<module>\w+)(?:/(?P<rest>.+))?")


Maker = Callable[[Call, str, str | None], Route]
"""Makes the route of a call on a module; the last argument is what follows it in the path."""


class SandboxApp(App):
    """One stand-in of the vendor."""

    noun = "module"
    actions = admin.ACTIONS
    forms = SWITCHES
    known_faults = FAULTS
    org: Organisation

    def begin(self) -> None:
        self.org = Organisation(self.clock, self._rng, self._definitions)
        self.watch = Watch()
        self.accounts = Accounts(self.org)
        self.accounts.base_url = self.base_url
        self.budget = Budget(self.org)
        self._reads = Reads(self.org)
        self._search = Search(self.org, self._reads)
        self._queries = Queries(self.org)
        self.bulk_reads, self.bulk_writes = BulkReads(self.org), BulkWrites(self.org)
        self.bulk_writes.base_url = self.base_url

    def set_base_url(self, url: str) -> None:
        """It stands in the token answer."""
        super().set_base_url(url)
        self.accounts.base_url = self.bulk_writes.base_url = url

    # --- one call ---

    def respond(self, call: Call) -> Reply:
        """Do first what jobs have become due."""
        self.bulk_reads.jobs.settle()
        self.bulk_writes.jobs.settle()
        return super().respond(call)

    def answer(self, call: Call) -> Reply:
        try:
            route = self.route(call)
        except RefusedCall as refused:
            return self._finish(call, "unknown", Reply.of(refused.status, refused.body))
        fault = self.faults.strike(route.operation, route.module)
        if fault is not None:
            return spoil.suffer(fault, call, route.operation, self, route)
        return self.serve(call, route)

    def serve(self, call: Call, route: Route) -> Reply:
        """Answer one request as an honest vendor."""
        try:
            if route.operation != "token":
                self.budget.spend(
                    call,
                    route.operation,
                    route.records,
                    in_flight=self.in_flight,
                    heavy_in_flight=self.heavy_in_flight + 1 if route.heavy else 0,
                )
                grant = self.accounts.holder(call)
                status, body = route.answer(grant)
            else:
                status, body = self.accounts.token(call)
        except RefusedCall as refused:
            status, body = refused.status, refused.body
            if route.operation in WRITING and self.org.switches["write_errors"] == "in_data":
                body = {"data": [body]}
        reply = Reply(status, body) if isinstance(body, bytes) else Reply.of(status, body)
        reply.delay_s += self.org.limits.latency_s
        reply.heavy = route.heavy and status < 400
        remaining = self.budget.remaining()
        if remaining is not None:
            reply.headers[facts.CREDITS_HEADER] = str(remaining)
        return self._finish(call, route.operation, reply)

    def _finish(self, call: Call, operation: str, reply: Reply) -> Reply:
        self.note(call, operation, reply.status)
        return self.stamp(reply)

    # --- routes ---

    def route(self, call: Call) -> Route:
        """Say what a call asks for. Raises RefusedCall for paths and methods that are none."""
        path = call.path
        if path == facts.TOKEN_PATH:
            return self._only(call, "POST", Route("token", lambda grant: (500, None)))
        if path == facts.COQL_PATH:
            return self._only(call, "POST", self._coql(call))
        if path == facts.ORG_PATH:
            return self._only(call, "GET", self._meta("org", "ZohoCRM.org", metadata.org))
        if path == facts.USERS_PATH:
            return self._only(call, "GET", self._users(call))
        if path.startswith(facts.BASE + "/settings/"):
            return self._setting(call, path.removeprefix(facts.BASE + "/settings/"))
        if (bulk := bulk_calls.route(self, call)) is not None:
            return bulk
        match = _RECORDS.fullmatch(path)
        if match is None:
            raise _no_such_path()
        name, rest = match["module"], match["rest"]
        if rest is None:
            makers: dict[str, Maker] = {
                "GET": self._list,
                "POST": self._write,
                "PUT": self._write,
                "DELETE": self._delete,
            }
            return self._maker(call, makers)(call, name, None)
        if rest == "upsert":
            return self._only(call, "POST", self._write(call, name, "upsert"))
        if rest in ("deleted", "search", "actions/count"):
            return self._only(call, "GET", self._special(call, name, rest))
        if "/" in rest:
            raise _no_such_path()
        one: dict[str, Maker] = {"GET": self._fetch, "PUT": self._write, "DELETE": self._delete}
        return self._maker(call, one)(call, name, rest)

    @staticmethod
    def _bad_method() -> RefusedCall:
        return RefusedCall(
            "INVALID_REQUEST_METHOD", "The http request method type is not a valid one"
        )

    def _only(self, call: Call, method: str, route: Route) -> Route:
        if call.method != method:
            raise self._bad_method()
        return route

    def _maker(self, call: Call, makers: Mapping[str, Maker]) -> Maker:
        if call.method not in makers:
            raise self._bad_method()
        return makers[call.method]

    def _meta(self, operation: str, scope: str, answer: Callable[[Organisation], Answer]) -> Route:
        def act(grant: Grant) -> Answer:
            self.accounts.need(grant, f"{scope}.READ", f"{scope}.ALL")
            return answer(self.org)

        return Route(operation, act)

    def _users(self, call: Call) -> Route:
        def act(grant: Grant) -> Answer:
            self.accounts.need(grant, "ZohoCRM.users.READ", "ZohoCRM.users.ALL")
            return metadata.users(self.org, call, grant)

        return Route("users", act)

    def _setting(self, call: Call, rest: str) -> Route:
        part, _, tail = rest.partition("/")
        if part == "recycle_bin":
            return self._bin(call, tail)
        if call.method == "POST" and rest == "fields":
            return self._make_fields(call)
        if call.method != "GET":
            raise self._bad_method()
        if part not in ("modules", "fields", "layouts") or (tail and part != "modules"):
            raise _no_such_path()

        def act(grant: Grant) -> Answer:
            self.accounts.need_setting(grant, part)
            if part == "modules":
                return metadata.modules(self.org, tail or None)
            module = metadata.module_of(self.org, call)
            return metadata.fields(module) if part == "fields" else metadata.layouts(module)

        return Route(part, act, tail or call.query.get("module", ""))

    def _make_fields(self, call: Call) -> Route:
        def act(grant: Grant) -> Answer:
            self.accounts.need_setting(grant, "fields", "CREATE")
            return making.make(self.org, metadata.module_of(self.org, call), call)

        return Route("make_field", act, call.query.get("module", ""))

    def _bin(self, call: Call, tail: str) -> Route:
        restoring = call.method == "POST" and tail.endswith("actions/restore")
        if call.method != "DELETE" and not restoring:
            raise self._bad_method()
        told = tail.removesuffix("actions/restore").strip("/") or call.query.get("ids", "")

        def act(grant: Grant) -> Answer:
            self.accounts.need_setting(grant, "recycle_bin", "UPDATE" if restoring else "DELETE")
            ids = [one for one in told.split(",") if one]
            if restoring and not ids:
                ids = [str(one) for one in _listed(call.body, "ids")]
            if not ids:
                raise _missing_ids()
            if len(ids) > facts.PURGE_BATCH:
                raise _too_many_ids(facts.PURGE_BATCH)
            writes = Writes(self.org, grant, self._externals(call))
            results = writes.restore(ids) if restoring else writes.purge(ids)
            return writes.status(results, 200), {"recycle_bin": results}

        return Route("restore" if restoring else "purge", act)

    def _coql(self, call: Call) -> Route:
        def act(grant: Grant) -> Answer:
            self.accounts.need(grant, "ZohoCRM.coql.READ", "ZohoCRM.coql.ALL")
            query = self._queries.read(call)
            module = self.org.module(query.module)
            self.accounts.need_module(grant, module, "READ")
            self.budget.charge(facts.coql_credits(query.limit))
            return self._queries.answer(query, module)

        return Route("coql", act, heavy=True)

    def _externals(self, call: Call) -> Externals:
        return Externals(self.org, call.headers.get(facts.EXTERNAL_HEADER.lower(), ""))

    def _reading(self, grant: Grant, name: str) -> Module:
        module = self.org.module(name)
        self.accounts.need_module(grant, module, "READ")
        return module

    def _list(self, call: Call, name: str, rest: str | None) -> Route:
        def act(grant: Grant) -> Answer:
            externals = self._externals(call)
            return self._reads.listing(self._reading(grant, name), call, grant, externals)

        heavy = call.query.get("sort_by", "id") != "id"
        return Route("fetch" if "ids" in call.query else "list", act, name, heavy=heavy)

    def _fetch(self, call: Call, name: str, rest: str | None) -> Route:
        def act(grant: Grant) -> Answer:
            externals = self._externals(call)
            return self._reads.one(self._reading(grant, name), rest or "", call, externals)

        return Route("fetch", act, name)

    def _special(self, call: Call, name: str, rest: str) -> Route:
        def act(grant: Grant) -> Answer:
            if rest == "deleted":
                return self._reads.deleted(self._reading(grant, name), call)
            self.accounts.need(grant, "ZohoSearch.securesearch.READ")
            module = self._reading(grant, name)
            return (self._search.answer if rest == "search" else self._search.count)(module, call)

        return Route(rest.removeprefix("actions/"), act, name)

    def _write(self, call: Call, name: str, rest: str | None) -> Route:
        operation = rest if rest == "upsert" else "insert" if call.method == "POST" else "update"
        records = max(1, len(_listed(call.body, "data")))

        def act(grant: Grant) -> Answer:
            module = self.org.module(name)
            for right in {"insert": ["CREATE"], "update": ["UPDATE"]}.get(
                operation, ["CREATE", "UPDATE"]
            ):
                self.accounts.need_module(grant, module, right)
            writes = Writes(self.org, grant, self._externals(call))
            batch = writes.read(module, call, conditional=operation != "insert")
            if operation == "insert":
                results, good = writes.insert(module, batch), 201
            elif operation == "update":
                results, good = writes.update(module, batch, rest), 200
            else:
                results = writes.upsert(module, batch)
                inserted = all(one.get("action") == "insert" for one in results)
                good = int(self.org.switches["upsert_inserted_status"]) if inserted else 200
            return writes.status(results, good), {"data": results}

        return Route(operation, act, name, records, heavy=records > facts.HEAVY_WRITE)

    def _delete(self, call: Call, name: str, rest: str | None) -> Route:
        def act(grant: Grant) -> Answer:
            module = self.org.module(name)
            self.accounts.need_module(grant, module, "DELETE")
            told = [rest] if rest else [one for one in call.query.get("ids", "").split(",") if one]
            if not told:
                raise _missing_ids()
            if len(told) > facts.DELETE_BATCH:
                raise _too_many_ids(facts.DELETE_BATCH)
            writes = Writes(self.org, grant, self._externals(call))
            results = writes.delete(module, told)
            return writes.status(results, 200), {"data": results}

        return Route("delete", act, name)


def _listed(body: bytes, key: str) -> list[Any]:
    """Read `{key: [...]}`; empty if the body is anything else."""
    try:
        listed = orjson.loads(body).get(key)
    except (orjson.JSONDecodeError, AttributeError):
        return []
    return listed if isinstance(listed, list) else []


def _no_such_path() -> RefusedCall:
    return RefusedCall(
        "INVALID_URL_PATTERN",
        "Please check if the URL trying to access is a correct one",
        status=404,
    )


def _missing_ids() -> RefusedCall:
    return RefusedCall(
        "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", {"param_name": "ids"}
    )


def _too_many_ids(limit: int) -> RefusedCall:
    return RefusedCall(
        "LIMIT_EXCEEDED", "the limit of ids is exceeded", {"limit": limit, "param_name": "ids"}
    )
