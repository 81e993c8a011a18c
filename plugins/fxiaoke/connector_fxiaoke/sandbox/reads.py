"""Lists and reads by id: query, findSimple, findOne, get."""

from __future__ import annotations

from typing import Any

from connector.sandbox.views import State
from connector_fxiaoke.sandbox.auth import Caller
from connector_fxiaoke.sandbox.model import Organisation
from connector_fxiaoke.sandbox.objects import Table, row_id, row_number
from connector_fxiaoke.sandbox.query import Queries, Search
from connector_fxiaoke.sandbox.refusals import Json, RefusedCall, no_right, null_pointer
from connector_fxiaoke.sandbox.shapes import Shape, record


class Reads:
    """Reading calls of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._queries = Queries(org)

    def _seen(
        self, table: Table, body: Json, caller: Caller, projection: Any
    ) -> tuple[Search, list[Json], int]:
        """A list's search, its rows as told, and the total if it was asked for."""
        data = body["data"]
        search = self._queries.read(table, data.get("search_query_info"), caller.numbers(self._org))
        # the switch to count: under `data` or at the top level, and nowhere else
        count = data.get("find_explicit_total_num", True) is not False
        count = count and str(body.get("returnTotalNum")) != "3"
        form = "custom_shows_invalid" if table.custom else "preset_shows_invalid"
        states, total = self._queries.rows(
            table, search, count=count, shows_invalid=self._org.switches[form] == "yes"
        )
        shape = self._shape(body, caller, projection)
        rows = []
        for state in states:
            mark = {"searchAfterId": [str(state.modified), row_id(state.number)]}
            rows.append(record(self._org, table, state, shape) | mark | {"total_num": total})
        return search, rows, total

    def _shape(self, body: Json, caller: Caller, projection: Any) -> Shape:
        return Shape(
            nulls=body.get("includeNull") is True,
            open_ids=caller.open_ids,
            # an empty list asks for everything: two public clients send it always
            only=projection if isinstance(projection, list) and projection else None,
            projection=self._org.switches["projection"],
            numbers=self._org.switches["numbers_as"],
        )

    def query(self, table: Table, body: Json, caller: Caller) -> Json:
        """Answer a list; `fieldProjection` is part of the search."""
        info = body["data"].get("search_query_info")
        projection = info.get("fieldProjection") if isinstance(info, dict) else None
        search, rows, total = self._seen(table, body, caller, projection)
        if self._org.switches["list_shape"] == "bare":
            return {"data": rows}
        page = {"offset": search.offset, "limit": search.limit, "total": total}
        return {"data": {"dataList": rows, **page}}

    def find_simple(self, table: Table, body: Json, caller: Caller) -> Json:
        """Answer a cheap list; `field_projection` is beside the search."""
        projection = body["data"].get("field_projection")
        search, rows, total = self._seen(table, body, caller, projection)
        page = {"offset": search.offset, "limit": search.limit, "total": total}
        return {"data": {"dataList": rows, **page}}

    def find_one(self, table: Table, body: Json, caller: Caller) -> Json:
        """Answer the first match, or nothing."""
        projection = body["data"].get("field_projection")
        _, rows, _ = self._seen(table, body, caller, projection)
        return {"data": {"objectData": rows[0]} if rows else {}}

    def get(self, table: Table, body: Json, caller: Caller) -> Json:
        """Answer one row by id: the truth, not the index."""
        told = body["data"].get("objectDataId")
        if not isinstance(told, str):
            raise null_pointer()
        number = row_number(told)
        state = table.rows.get(number) if number is not None else None
        if state is None:
            return self._absent("deleted_get", f"数据[{told}]不存在或已删除")
        if self._out_of_sight(table, state) and self._org.switches["hidden_get"] != "served":
            return self._absent("hidden_get", no_right().text)
        shape = self._shape(body, caller, None)
        return {"data": record(self._org, table, state, shape)}

    def _out_of_sight(self, table: Table, state: State) -> bool:
        unseen_pool = self._org.switches["pool_seen"] == "no"
        return state.number in table.hidden or (unseen_pool and table.in_pool(state.values))

    def _absent(self, switch: str, text: str) -> Json:
        match self._org.switches[switch]:
            case "empty_data":
                return {"data": {}}
            case "no_data":
                return {}
            case code:
                raise RefusedCall(int(code), text)
