"""Lists, reads by id, the deleted feed. README: List, Paging, Deleted feed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from connector.sandbox.calls import Call
from connector.sandbox.views import Key, State
from connector_zoho import facts
from connector_zoho.sandbox.auth import Grant
from connector_zoho.sandbox.model import Externals, Organisation
from connector_zoho.sandbox.objects import Module, Removed
from connector_zoho.sandbox.refusals import Json, RefusedCall, bad_pattern
from connector_zoho.sandbox.shapes import rows, whole
from connector_zoho.sandbox.values import header_time, parse_id

Answer = tuple[int, Json | None]
"""HTTP status and body."""
Bound = tuple[tuple[str, str], ...]
"""What a page token is bound to; see `bind`."""
_REMEMBERED: Final = 20_000
_UNBOUND: Final = ("page_token", "page")


class Reads:
    """Reading calls of one organisation."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._tokens = PageTokens(org)

    # --- parameters ---

    def fields(self, module: Module, call: Call, *, needed: bool = True) -> list[str]:
        """Read `fields`; unknown names are refused. All fields if it is absent and not needed."""
        told = call.query.get("fields")
        if not told:
            if needed:
                raise RefusedCall(
                    "REQUIRED_PARAM_MISSING",
                    "One of the expected parameter is missing",
                    {"param_name": "fields"},
                )
            return list(module.fields)
        names = [name.strip() for name in told.split(",")]
        if len(names) > facts.LIST_FIELDS:
            raise RefusedCall(
                "LIMIT_EXCEEDED",
                "the limit of fields is exceeded",
                {"limit": facts.LIST_FIELDS, "param_name": "fields"},
            )
        if names == ["id"] and needed:
            raise RefusedCall(
                "INVALID_DATA", "the fields given seem to be invalid", {"param_name": "fields"}
            )
        # a name that the module does not have is passed over in a read, and the key is missing
        return [name for name in names if name in module.fields]

    def since(self, call: Call) -> int | None:
        """Read `If-Modified-Since`."""
        return header_time(self._org, call, facts.IF_MODIFIED_SINCE)

    def _unchanged(self, since: int | None) -> Answer:
        if since is None:
            return 204, None
        return int(self._org.switches["not_modified"]), None

    # --- lists ---

    def listing(self, module: Module, call: Call, grant: Grant, externals: Externals) -> Answer:
        """Answer a list read."""
        if "ids" in call.query:
            return self._by_ids(module, call, externals)
        names, since = self.fields(module, call), self.since(call)
        per_page = positive(call, "per_page", facts.LIST_PAGE, facts.LIST_PAGE)
        sort_by, sort_order = _order(call.query)
        keys = module.feed.since(sort_by, since)
        bound = bind(call.query, module.name, call.headers.get("if-modified-since"))
        user = grant.user["id"]
        page, start = self._place(call, user, bound, keys, per_page, sort_order)
        count = min(per_page, self._org.limits.list_page)
        chosen, end = self._slice(module, keys, start, count, sort_order)
        if not chosen:
            return self._unchanged(since) if page == 1 else (204, None)
        more, expires, after = end < len(keys), self._tokens.expiry(), None
        if more:
            last = (self._time(chosen[-1], sort_by), chosen[-1].number)
            after = self._tokens.give(Mark(bound, user, page + 1, end, last, expires))
        return 200, {
            "data": rows(self._org, module, chosen, names),
            "info": {
                "per_page": per_page,
                "next_page_token": after,
                "count": len(chosen),
                "sort_by": sort_by,
                "page": page,
                "previous_page_token": call.query.get("page_token"),
                "page_token_expiry": self._org.render(int(expires)) if more else None,
                "sort_order": sort_order,
                "email": False,
                "call": False,
                "more_records": more,
            },
        }

    def _place(
        self,
        call: Call,
        user: str,
        bound: Bound,
        keys: Sequence[Key],
        per_page: int,
        sort_order: str,
    ) -> tuple[int, int]:
        """The page asked for, and the place in the order where it starts. Raises RefusedCall."""
        query, limits = call.query, self._org.limits
        if "page" in query and "page_token" in query:
            raise RefusedCall(
                "AMBIGUITY_DURING_PROCESSING",
                "page and page_token cannot be used together",
                {"param_names": ["page", "page_token"]},
            )
        if "page_token" in query:
            mark = self._tokens.take(query["page_token"], user, bound)
            if mark.page * per_page > limits.list_by_token:
                raise RefusedCall(
                    "PAGINATION_LIMIT_EXCEEDED",
                    "the limit of records by page token is exceeded",
                    {"limit": limits.list_by_token},
                )
            return mark.page, self._start(mark, keys, sort_order)
        page = positive(call, "page", 1)
        if page * per_page > limits.list_by_number:
            raise RefusedCall(
                "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
                "the limit of records by page is exceeded, use page_token",
                {"limit": limits.list_by_number},
            )
        return page, (page - 1) * min(per_page, limits.list_page)

    def _start(self, mark: Mark, keys: Sequence[Key], sort_order: str) -> int:
        if self._org.switches["page_token"] != "key" or mark.key is None:  # noqa: S105 - a switch
            return mark.start
        if sort_order == "asc":
            return bisect_right(keys, mark.key)
        return len(keys) - bisect_left(keys, mark.key)

    def _slice(
        self, module: Module, keys: Sequence[Key], start: int, count: int, sort_order: str
    ) -> tuple[list[State], int]:
        """Take `count` visible records from a place on; hidden ones are stepped over."""
        chosen: list[State] = []
        total, place, hidden = len(keys), start, module.hidden
        backwards = sort_order == "desc"
        states = module.feed.states
        while place < total and len(chosen) < count:
            number = keys[total - 1 - place if backwards else place][1]
            place += 1
            if number not in hidden:
                chosen.append(states[number])
        return chosen, place

    @staticmethod
    def _time(state: State, sort_by: str) -> int:
        return {"id": 0, "Created_Time": state.created, "Modified_Time": state.modified}[sort_by]

    # --- by id ---

    def _by_ids(self, module: Module, call: Call, externals: Externals) -> Answer:
        names, told = self.fields(module, call), call.query["ids"].split(",")
        if len(told) > facts.LIST_IDS:
            raise RefusedCall(
                "LIMIT_EXCEEDED",
                "the limit of ids is exceeded",
                {"limit": facts.LIST_IDS, "param_name": "ids"},
            )
        numbers = []
        for one in told:
            number = externals.record(module, one)
            if number is None and not externals.given(module):
                number = parse_id(one)
                if number is None:
                    raise bad_pattern("ids")
            numbers.append(number)
        chosen = [
            module.live[number]
            for number in dict.fromkeys(numbers)
            if number in module.live and number not in module.hidden
        ]
        if not chosen:
            return 204, None
        return 200, {
            "data": rows(self._org, module, chosen, names),
            "info": {
                "per_page": facts.LIST_PAGE,
                "count": len(chosen),
                "page": 1,
                "more_records": False,
                "sort_by": "id",
                "sort_order": "desc",
                "call": False,
                "email": False,
            },
        }

    def one(self, module: Module, told: str, call: Call, externals: Externals) -> Answer:
        """Answer a read by id (or external value): always the truth, never late."""
        number = externals.record(module, told)
        invalid = RefusedCall(
            "INVALID_DATA", "the id given seems to be invalid", {"resource_path_index": 1}
        )
        if number is None and not externals.given(module):
            number = parse_id(told)
            if number is None:
                raise invalid
        hidden = number in module.hidden
        if hidden and number in module.live and self._org.switches["hidden_record"] == "refused":
            raise RefusedCall(
                "NO_PERMISSION",
                "permission denied to read the record",
                {"permissions": [f"Crm_Implied_View_{module.name}"]},
                status=403,
            )
        if number is None or hidden or number not in module.live:
            if self._org.switches["unknown_id"] == "400" and not externals.given(module):
                raise invalid
            return 204, None
        state = module.live[number]
        if call.query.get("fields"):
            names = self.fields(module, call, needed=False)
            return 200, {"data": rows(self._org, module, [state], names)}
        return 200, {"data": [whole(self._org, module, state)]}

    # --- deleted feed ---

    def deleted(self, module: Module, call: Call) -> Answer:
        """Answer the deleted feed, newest first; what left the bin by age counts as permanent."""
        kind, since = call.query.get("type", "all"), self.since(call)
        if kind not in facts.DELETED_TYPES:
            raise bad_pattern("type")
        per_page = positive(call, "per_page", facts.LIST_PAGE, facts.LIST_PAGE)
        page = positive(call, "page", 1)
        if self._org.switches["deleted_pages"] == "2000" and page * per_page > facts.LIST_BY_NUMBER:
            raise RefusedCall(
                "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
                "the limit of records by page is exceeded",
                {"limit": facts.LIST_BY_NUMBER},
            )
        now = self._org.time.now()
        found = []
        for number, gone in module.removed.items():
            age = timedelta(seconds=now - gone.at)
            if gone.visible_at > now or age > facts.DELETED_REMEMBERED or number in module.hidden:
                continue
            permanent = gone.type == "permanent" or age > facts.DELETED_IN_BIN
            if (kind == "recycle" and permanent) or (kind == "permanent" and not permanent):
                continue
            if since is None or gone.at >= since:
                found.append((gone.at, number, gone, permanent))
        found.sort(key=lambda row: (-row[0], -row[1]))
        count = min(per_page, self._org.limits.list_page)
        start = (page - 1) * count
        shown = found[start : start + count]
        if not shown:
            return self._unchanged(since) if page == 1 else (204, None)
        return 200, {
            "data": [self._gone(number, gone, permanent) for _, number, gone, permanent in shown],
            "info": {
                "per_page": per_page,
                "count": len(shown),
                "page": page,
                "more_records": start + len(shown) < len(found),
            },
        }

    def _gone(self, number: int, gone: Removed, permanent: bool) -> Json:
        return {
            "id": str(number),
            "display_name": None if permanent else gone.display_name,
            "type": "permanent" if permanent else "recycle",
            "deleted_time": self._org.render(gone.at),
            "deleted_by": None if permanent else gone.by,
            "created_by": None if permanent else gone.created_by,
        }


def _order(query: Mapping[str, str]) -> tuple[str, str]:
    """Read `sort_by` and `sort_order`. Raises RefusedCall."""
    sort_by, sort_order = query.get("sort_by", "id"), query.get("sort_order", "desc")
    if sort_by not in facts.LIST_SORTS:
        raise RefusedCall(
            "INVALID_DATA",
            "the sort field given seems to be invalid",
            {"param_name": "sort_by", "supported_values": list(facts.LIST_SORTS)},
        )
    if sort_order not in ("asc", "desc"):
        raise bad_pattern("sort_order")
    return sort_by, sort_order


def positive(call: Call, name: str, default: int, most: int | None = None) -> int:
    """Read a positive number from the query. Raises RefusedCall PATTERN_NOT_MATCHED."""
    told = call.query.get(name)
    if told is None:
        return default
    if not (told.isascii() and told.isdigit() and len(told) < 10) or int(told) < 1:
        raise bad_pattern(name)
    if most is not None and int(told) > most:
        raise bad_pattern(name)
    return int(told)


@dataclass(slots=True, frozen=True)
class Mark:
    """Where a token goes on. `key` is the last key shown before it."""

    bound: Bound
    user: str
    page: int
    start: int
    key: Key | None
    expires: float


def bind(query: Mapping[str, str], module: str, since: str | None) -> Bound:
    """Everything of a call that must stay byte for byte the same from page to page."""
    told = {name: value for name, value in query.items() if name not in _UNBOUND}
    return tuple(sorted({**told, " module": module, " since": since or ""}.items()))


class PageTokens:
    """The tokens that were given out; the oldest are forgotten, as if garbled."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._marks: OrderedDict[str, Mark] = OrderedDict()

    def expiry(self) -> float:
        return self._org.time.now() + facts.PAGE_TOKEN_LIFE.total_seconds()

    def give(self, mark: Mark) -> str:
        value = f"{self._org.rng.getrandbits(256):064x}"
        self._marks[value] = mark
        if len(self._marks) > _REMEMBERED:
            self._marks.popitem(last=False)
        return value

    def take(self, value: str, user: str, bound: Bound) -> Mark:
        """Find where a token goes on. Raises RefusedCall; a token may be used again."""
        mark = self._marks.get(value)
        details = {"param_name": "page_token"}
        if mark is None or mark.user != user:
            raise RefusedCall("INVALID_DATA", "the page token given seems to be invalid", details)
        if mark.expires <= self._org.time.now():
            raise RefusedCall("EXPIRED_VALUE", "the page token has expired", details)
        if mark.bound != bound:
            raise RefusedCall(
                "TOKEN_BOUND_DATA_MISMATCH",
                "the parameters differ from those of the page token",
                details,
            )
        return mark
