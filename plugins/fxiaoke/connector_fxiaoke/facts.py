"""The numbers, paths, headers and codes of Fxiaoke (OpenAPI v2) that code here goes by.

Each fact carries its source, the date it was read and how sure we are: *documented* (the vendor's
pages at developer.fxiaoke.com/openapi_v2 and www.fxiaoke.com/mob/guide/openapi, or its demo),
*handbook* (a public community handbook that restates them, fxp/skillify), *probed* (that author's
live calls without valid credentials), *reported* (public clients and stored pages; the repository
is named), *unverified* (plausible, seen nowhere: code defensively). All facts were read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

# --- hosts and paths -----------------------------------------------------------------------------

TRACE_PARAMETER: Final = "thirdTraceId"
"""Query parameter with a fresh UUIDv4 for each request; a trace, no idempotency key. Documented;
calls without it were not refused for it (probed)."""

TOKEN_PATH: Final = "/oauth2.0/token"  # noqa: S105 - a path, not a secret
"""Header style: `{appId, appSecret, permanentCode, grantType}`. Documented."""
LEGACY_TOKEN_PATH: Final = "/cgi/corpAccessToken/get/V2"  # noqa: S105 - a path, not a secret
"""Body style: `{appId, appSecret, permanentCode}`. Documented."""
GRANT_TYPE: Final = "app_secret"
"""`grantType` of the header style. Documented."""

PRESET: Final = "/cgi/crm/v2/data"
"""Prefix of the calls on preset objects. Documented."""
CUSTOM: Final = "/cgi/crm/custom/v2/data"
"""Prefix of the calls on objects whose api name ends in `__c`. Documented."""
CUSTOM_SUFFIX: Final = "__c"
"""Ends the api name of every custom object and field. Documented."""
BATCH_INVALIDATE_PATH: Final = "/cgi/crm/custom/data/invalid"
"""Custom objects only; without v2. Body `idList`. Documented."""
FIND_SIMPLE_PATH: Final = CUSTOM + "/findSimple"
"""`field_projection` under `data`; answers `data.dataList`. Handbook; reported."""
FIND_ONE_PATH: Final = CUSTOM + "/findOne"
"""Answers `data.objectData`; serves preset objects too. Reported: crm-cli."""
CHOOSE_PATH: Final = PRESET + "/choose"
"""Claim from a pool: `apiName`, `objectIds`. Handbook."""
RETURN_PATH: Final = PRESET + "/return"
"""Back into a pool: `apiName`, `objectIds`, `objectPoolId`, `backReason`. Handbook."""
LOCK_PATH: Final = "/cgi/crm/v2/object/lock"
"""`dataObjectApiName`, `dataIds`, `detailObjStrategy`. Handbook; reported."""
UNLOCK_PATH: Final = "/cgi/crm/v2/object/unlock"
"""As above."""
OBJECTS_PATH: Final = "/cgi/crm/v2/object/list"
"""Answers `data.objects`. Handbook; reported: FxiaokeSDK.NET."""
DESCRIBE_PATH: Final = "/cgi/crm/v2/object/describe"
"""`apiName` and `includeDetail`: under `data` on the vendor's page (documented), at the top level
in two working clients (reported: fxiaoke-python, crm-cli). Answers `data.describe`."""
AREAS_PATH: Final = "/cgi/crm/countryAreaOptions/get"
"""Answers `countryAreaOptions` at the top level. Reported: FxiaokeSDK.NET."""

USER_BY_MOBILE_PATH: Final = "/cgi/user/getByMobile"
"""Legacy style: `mobile` at the top level, no acting user; answers `empList` with `openUserId`,
empty for an unknown number. Reported: crm-cli, DongDavid, fx-crm-sync; the vendor lists it as
offline."""


def data_path(api_name: str, action: str) -> str:
    """The path of an action on an object's records; the family goes by the suffix.

    >>> data_path("AccountObj", "query"), data_path("membership__c", "get")
    ('/cgi/crm/v2/data/query', '/cgi/crm/custom/v2/data/get')
    """
    return f"{CUSTOM if api_name.endswith(CUSTOM_SUFFIX) else PRESET}/{action}"


# --- identity ------------------------------------------------------------------------------------

AUTHORIZATION_HEADER: Final = "authorization"
"""`Bearer TOKEN`, header style. Documented."""
ENTERPRISE_HEADER: Final = "x-fs-ea"
"""`ea` of the token answer. Documented."""
USER_HEADER: Final = "x-fs-userid"
"""The acting employee's id, such as 1000: decides which rows and fields are seen. Documented."""

# --- tokens --------------------------------------------------------------------------------------

TOKEN_LIFE: Final = timedelta(seconds=7200)
"""After this a token is dead. `expiresIn` gives the remaining seconds: count from it, never from
this. Documented."""
TOKEN_RENEWED_AFTER: Final = timedelta(seconds=6600)
"""Before this a token call answers the same token; after it a new one, and the old one goes on
until its end. Documented."""
TOKENS_PER_WINDOW: Final = 10
"""Token calls in a minute; concurrent ones are refused. Handbook."""
TOKEN_WINDOW: Final = timedelta(minutes=1)
"""As above."""

# --- reading -------------------------------------------------------------------------------------

PAGE: Final = 100
"""Most rows of `limit`. Documented (older texts speak of 200 to 1000: conflicting)."""
DEFAULT_PAGE: Final = 20
"""Rows without a `limit`. Reported: FxiaokeSDK.NET."""
MAX_OFFSET: Final = 10_000
"""Beyond it: OFFSET_TOO_FAR. Page by `_id` instead, offset 0. Documented: FAQ deep paging."""
OPERATORS: Final = frozenset(
    {
        "EQ",
        "N",
        "GT",
        "GTE",
        "LT",
        "LTE",
        "BETWEEN",
        "NBETWEEN",
        "LIKE",
        "NLIKE",
        "STARTWITH",
        "ENDWITH",
        "IS",
        "ISN",
        "IN",
        "NIN",
        "HASANYOF",
        "NHASANYOF",
        "CONTAINS",
    }
)
"""Of filters, which are ANDed. Documented on the query pages; one page lists NE, GE, LE instead
(conflicting), NEQ was seen to be ignored (reported: fx-crm-sync)."""

# --- records -------------------------------------------------------------------------------------

LIFE_STATUSES: Final = ("ineffective", "under_review", "normal", "in_change", "invalid")
"""Values of `life_status`; the stored value is `invalid`, never the label. Reported."""
INVALID: Final = "invalid"
"""`life_status` of an invalidated row. Reported."""
UNDER_REVIEW: Final = ("under_review", "in_change")
"""`life_status` of rows that an approval holds. Reported."""
LOCKED: Final = "1"
"""`lock_status` of a locked row; "0" is open. Reported."""
TEXT_LENGTH: Final = 100
"""Characters in a `text`. Documented for the user interface."""
LONG_TEXT_LENGTH: Final = 2_000
"""Characters in a `long_text`. Documented for the user interface."""
RICH_TEXT_LENGTH: Final = 131_072
"""Characters in a `html_rich_text`. Documented for the user interface."""
TENANT_ZONE: Final = "Asia/Shanghai"
"""A `date` is 00:00 of this zone in epoch milliseconds (a setting of ours). Documented: describe
shows GMT+8."""
DEFAULT_RECORD_TYPE: Final = "default__c"
"""`record_type` without a choice. Reported."""

# --- limits --------------------------------------------------------------------------------------

RATE_CALLS: Final = 100
"""Calls of one interface (path) in RATE_WINDOW. Handbook."""
RATE_WINDOW: Final = timedelta(seconds=20)
"""As above."""

# --- codes ---------------------------------------------------------------------------------------


class Class(StrEnum):
    """What a code asks for."""

    OK = "ok"
    CONFIG = "config"
    """A person must act."""
    TOKEN = "token"  # noqa: S105 - a class of codes
    """Fetch a new token once, repeat once."""
    THROTTLE = "throttle"
    QUOTA = "quota"
    """Stop until midnight."""
    TRANSIENT = "transient"
    """A read may be repeated; a write's outcome is unknown."""
    AMBIGUOUS = "ambiguous"
    """Read the record again, then decide."""
    PERMANENT = "permanent"
    """This record or call will not go in."""


OK: Final = 0
TOKEN_REFUSED: Final = 20016
"""The token is missing, foreign or expired, either style. Probed."""
NO_CREDENTIALS: Final = 20017
"""No credentials at all. Probed."""
BAD_SECRET: Final = 10006
"""On token calls: the secret is missing or wrong (probed; the table says "missing scope").
Elsewhere: this path does not serve that object (reported: a public JS client)."""
OFFSET_TOO_FAR: Final = 10013
"""Offset beyond MAX_OFFSET (documented); the table gives the code to a missing token too."""
USER_NOT_FOUND: Final = 20012
"""Handbook."""
QUOTA_USED_UP: Final = 30002
"""Handbook."""
NO_QUOTA: Final = 30003
"""Handbook."""
TOO_FAST: Final = 30004
"""Which of this and CALL_LIMIT answers the rate limit is unknown. Handbook."""
CALL_LIMIT: Final = 14001
"""As above."""
PARAMETER_ERROR: Final = 32000
"""Handbook."""
SERVICE_EXCEPTION: Final = 50009
"""Documented as "service exception, e.g. timeout", and seen on a locked record: it may be a
business refusal or a fault of the moment (reported: a public JS client)."""

CODES: Final[Mapping[int, Class]] = {
    OK: Class.OK,
    -1: Class.TRANSIENT,
    -2: Class.TRANSIENT,
    10001: Class.CONFIG,
    10002: Class.CONFIG,
    BAD_SECRET: Class.CONFIG,
    10010: Class.CONFIG,
    10012: Class.CONFIG,
    OFFSET_TOO_FAR: Class.PERMANENT,
    10014: Class.CONFIG,
    11001: Class.CONFIG,
    11002: Class.CONFIG,
    11008: Class.CONFIG,
    11013: Class.CONFIG,
    11014: Class.CONFIG,
    11015: Class.CONFIG,
    12004: Class.PERMANENT,
    CALL_LIMIT: Class.THROTTLE,
    15002: Class.PERMANENT,
    15003: Class.CONFIG,
    20005: Class.TOKEN,
    20006: Class.CONFIG,
    20010: Class.CONFIG,
    USER_NOT_FOUND: Class.CONFIG,
    20014: Class.CONFIG,
    20015: Class.CONFIG,
    TOKEN_REFUSED: Class.TOKEN,
    NO_CREDENTIALS: Class.CONFIG,
    20020: Class.CONFIG,
    20021: Class.CONFIG,
    20022: Class.CONFIG,
    20023: Class.CONFIG,
    QUOTA_USED_UP: Class.QUOTA,
    NO_QUOTA: Class.CONFIG,
    TOO_FAST: Class.THROTTLE,
    30007: Class.PERMANENT,
    30027: Class.PERMANENT,
    PARAMETER_ERROR: Class.PERMANENT,
    40010: Class.PERMANENT,
    SERVICE_EXCEPTION: Class.AMBIGUOUS,
}
"""`errorCode` to what it asks for. Only 0 and 20016 are reliable: the gateway's real answers differ
from its own table (probed). A code that is not here is permanent for its record, never fatal for
the run. Handbook unless said above."""

# --- what the plugin adds ------------------------------------------------------------------------

CLOUDS: Final[Mapping[str, str]] = {
    "fxiaoke": "https://open.fxiaoke.com",
    "huawei": "https://open-hwcloud.fxiaoke.com",
    "alibaba": "https://open-ale.fxiaoke.com",
    "hong_kong": "https://open-ksc.sharecrm.com",
    "frankfurt": "https://open-hws.fxiaoke.com",
    "north_america": "https://open-na.sharecrm.com",
}
"""The API host of each cloud; Alibaba's is DingTalk's too. Other and private clouds have
`open-` and their login domain, or a host of a reseller's. Handbook; the first documented, the
Huawei one probed. `www.fxiaoke.com/cgi` is no gateway: it answers 302 with HTML (probed)."""
CLOUD_COUNTRIES: Final[Mapping[str, str]] = {
    "fxiaoke": "CN",
    "huawei": "CN",
    "alibaba": "CN",
    "hong_kong": "HK",
    "frankfurt": "DE",
    "north_america": "US",
}
"""Where each cloud stands, by its name in the handbook; not stated there in so many words."""
REFRESH_BEFORE_END: Final = timedelta(seconds=600)
"""Our margin: from then on a token call gives a new token. A choice, out of TOKEN_LIFE and
TOKEN_RENEWED_AFTER."""
TOKEN_RATE: Final = "8/60s"  # noqa: S105 - a rate, not a secret
"""Token calls we allow ourselves: 80 % of TOKENS_PER_WINDOW. A choice."""
IDS_AT_ONCE: Final = 100
"""Values of one `IN` that we ask with, as many as a page has rows. A choice; no limit is told."""
THROTTLE_PAUSE_S: Final = (5.0, 20.0)
"""How long a throttled path is left alone, by chance in between: no hint is sent. A choice."""
THROTTLE_SLOW_S: Final = 60.0
"""So long after a throttled call its path gets half the rate. A choice."""
QUOTA_PAUSE_S: Final = 3600.0
"""How long a path rests after QUOTA_USED_UP: until midnight would outlast a bought package. A
choice."""
NOBODY: Final = "000000000000000000000000"
"""An id of the vendor's form that no record has, to learn what the answer to such a one is."""
PERSON_CODES: Final = frozenset({10010, 11008, USER_NOT_FOUND, 20014})
"""Codes that speak of the acting employee. Handbook."""
POOL_FIELDS: Final = ("high_seas_id", "leads_pool_id")
"""A record without owner that names a pool here lies in it. Reported: field tables; crm-cli."""
AMBIGUOUS_PAUSES_S: Final = (1.0, 3.0)
"""Before each repeat of a write that answered SERVICE_EXCEPTION and surely did nothing; then the
record is set aside. A choice: a fault of the moment passes, a refusal under this code does not."""
