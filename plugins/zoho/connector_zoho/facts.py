"""The numbers, paths, headers and codes of Zoho CRM (REST API v8) that code here goes by.

Each fact carries its source, the date it was read and how sure we are: *documented* (the vendor's
pages, its published OpenAPI files or its Python SDK), *reported* (public issues and code of users
of the API), *unverified* (memory or inference: code defensively). Sections named `README ...` are
those of `plugins/zoho/README.md`. All facts were read 2026-11-22 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

# --- paths ---------------------------------------------------------------------------------------

TOKEN_PATH: Final = "/oauth/v2/token"  # noqa: S105 - a path, not a secret
"""On the accounts host; form-encoded POST. Source: page "Access and refresh token". Documented."""
BASE: Final = "/crm/v8"
"""On `api_domain`. Source: page "API reference". Documented."""
COQL_PATH: Final = BASE + "/coql"
"""POST. Source: page "Get records through COQL query". Documented."""
ORG_PATH: Final = BASE + "/org"
"""GET. Source: page "Organization data". Documented."""
USERS_PATH: Final = BASE + "/users"
"""GET with `type=CurrentUser`. Source: page "Users". Documented."""
MODULES_PATH: Final = BASE + "/settings/modules"
"""GET; `/{module}` for one. Source: page "Modules metadata". Documented."""
FIELDS_PATH: Final = BASE + "/settings/fields"
"""GET with `module=`; POST makes custom fields. Source: pages "Fields metadata", "Create custom
fields". Documented."""
FIELDS_AT_ONCE: Final = 5
"""Fields that one call makes. Source: OpenAPI fields, August 2026. Documented."""
FIELD_LABEL: Final = 25
"""Characters of a new field's label, and of an option. Source: as above. Documented."""
FIELD_OPTIONS: Final = 10
"""Options of a new pick list. Source: as above. Documented."""
LAYOUTS_PATH: Final = BASE + "/settings/layouts"
"""GET with `module=`; layout mandatory flags live here. Source: page "Layouts". Documented."""
COUNT: Final = "/actions/count"
"""Behind a module's path: GET answers `count`. It follows the search index. Source: page "Record
count". Documented."""
RECYCLE_BIN_PATH: Final = BASE + "/settings/recycle_bin"
"""DELETE `/{id}` or `?ids=`: purges for ever. Source: page "Recycle bin". Documented."""

UPLOAD_PATH: Final = BASE + "/upload"
"""POST on the content host: multipart, one zip in `file`. Page "Upload file". Documented."""
BULK_READ_PATH: Final = "/crm/bulk/v8/read"
"""POST starts a job, GET `/{job}` tells its state, `/{job}/result` is a zip. Documented."""
BULK_WRITE_PATH: Final = "/crm/bulk/v8/write"
"""As above; the result is at the `download_url` that the state tells, on another host: paths like
`/v2/crm/{zgid}/bulk-write/{job}/{job}.zip`. Documented by samples."""

# --- headers -------------------------------------------------------------------------------------

AUTH_SCHEME: Final = "Zoho-oauthtoken"
"""`Authorization: Zoho-oauthtoken TOKEN`, not Bearer. Source: page "Make API calls". Documented."""
IF_MODIFIED_SINCE: Final = "If-Modified-Since"
"""ISO 8601 with offset, inclusive, one-second steps. Source: page "Get records" (format,
documented); inclusiveness: issue of an open connector's Zoho source (reported)."""
IF_UNMODIFIED_SINCE: Final = "If-Unmodified-Since"
"""ISO 8601 with offset on PUT and upsert; 412 if changed after it. Source: OpenAPI record.
Documented."""
EXTERNAL_HEADER: Final = "X-EXTERNAL"
"""`Module.Field`: ids in path and query are external values. Source: page "External ids".
Documented."""
CREDITS_HEADER: Final = "X-API-CREDITS-REMAINING"
"""Appears once half of the day's credits are used. Source: page "API limits". Documented."""
RETRY_AFTER_HEADER: Final = "Retry-After"
"""Not documented for CRM; honour it if it ever comes. Unverified."""

FEATURE_HEADER: Final = "feature"
"""`bulk-write` on an upload. Source: page "Upload file". Documented."""
ORG_HEADER: Final = "X-CRM-ORG"
"""The organisation's `zgid` on an upload. Documented, as above."""

# --- tokens (README: Tokens) ---------------------------------------------------------------------

ACCESS_TOKEN_LIFE: Final = timedelta(hours=1)
"""After this the API answers 401. Source: page "Token validity". Documented."""
TOKEN_WINDOW: Final = timedelta(minutes=10)
"""Window of the two limits below. Source: pages "Token validity", "Kaizen 43". Documented."""
TOKENS_PER_WINDOW: Final = 10
"""Access tokens made from one refresh token in one window. Documented, as above."""
ACTIVE_ACCESS_TOKENS: Final = 15
"""Per refresh token; the next one ends the oldest. Documented, as above."""
REFRESH_TOKENS: Final = 20
"""Per user and client; the next one ends the first. Documented, as above."""
GRANT_CODE_LIFE: Final = timedelta(minutes=3)
"""Default; single use. Source: page "Token validity" (2 min in older pages). Documented."""
REFRESH_BEFORE_EXPIRY: Final = timedelta(minutes=5)
"""Our own margin: a token that is nearer to its end is replaced first. A choice, no fact."""
EXPIRES_IN_SEC_KEY: Final = "expires_in_sec"
"""If this key is in the token answer, `expires_in` is in milliseconds. Source: Python SDK.
Documented."""

TOKEN_THROTTLED: Final = "Access Denied"  # noqa: S105 - an error text, not a secret
"""`error` of a throttled refresh, HTTP 200 or 400. Source: page "Kaizen 43"; 400 reported."""
TOKEN_TRANSIENT: Final = frozenset({"general_error"})
"""`error` values that heal by waiting. Reported."""

# --- reading (README: List, Paging, Deleted feed, Search, COQL) -----------------------------------

LIST_PAGE: Final = 200
"""Records, default and most of `per_page`. Source: page "Get records". Documented."""
LIST_FIELDS: Final = 50
"""Names in `fields`. Source: page "Get records". Documented."""
LIST_BY_NUMBER: Final = 2_000
"""Records reachable by `page`; `page * per_page` beyond is refused. Documented, as above."""
LIST_BY_TOKEN: Final = 100_000
"""Records reachable by `page_token`. Documented, as above."""
PAGE_TOKEN_LIFE: Final = timedelta(hours=24)
"""Source: page "Get records". Documented."""
LIST_IDS: Final = 100
"""Ids in one `ids=`. Unverified number."""
NOBODY: Final = "1000000000000000001"
"""An id of the vendor's form that no record has, to learn what the answer to such a one is."""
LIST_SORTS: Final = ("id", "Created_Time", "Modified_Time")
"""What `sort_by` may be; default `id`, descending. Documented, as above."""
DELETED_IN_BIN: Final = timedelta(days=60)
"""How long the recycle bin keeps a record. Source: page "Get deleted records". Documented."""
DELETED_REMEMBERED: Final = timedelta(days=120)
"""How long the deleted feed names a permanently deleted record. Documented, as above."""
DELETED_TYPES: Final = ("all", "recycle", "permanent")
"""`type=` of the deleted feed. Documented, as above."""
SEARCH_TOTAL: Final = 2_000
"""Records reachable by search. Source: page "Search records". Documented."""
SEARCH_SHORTEST: Final = 2
"""Characters; shorter values are INVALID_DATA. Documented, as above."""
COQL_ROWS: Final = 2_000
"""Most rows of one query. Source: page "COQL limitations". Documented."""
COQL_DEFAULT_ROWS: Final = 200
"""Rows without a `limit`. Documented, as above."""
COQL_OFFSET: Final = 100_000
"""offset + limit may not pass this; beyond, key-set on `id`. Documented, as above."""
COQL_COLUMNS: Final = 50
"""Selected columns. Documented, as above."""
COQL_CRITERIA: Final = 25
"""Conditions. Documented, as above."""
COQL_ORDERS: Final = 10
"""Columns to order by. Source: page "COQL limitations", newer text. Documented."""
COQL_IN: Final = 50
"""Values in one `in (...)`; 100 in newer texts: take the smaller. Documented, conflicting."""
VERSION_STEP: Final = timedelta(seconds=1)
"""Resolution of `Modified_Time`. Source: samples of all record pages. Documented."""

# --- writing (README: Writing) --------------------------------------------------------------------

WRITE_BATCH: Final = 100
"""Records in one insert, update or upsert. Source: page "Insert records". Documented."""
DELETE_BATCH: Final = 100
"""Ids in one DELETE. Source: page "Delete records". Documented."""
PURGE_BATCH: Final = 100
"""Ids in one recycle bin delete. Source: page "Recycle bin". Documented."""
SYSTEM_DUPLICATE_FIELD: Final[Mapping[str, str]] = {
    "Accounts": "Account_Name",
    "Cases": "Subject",
    "Contacts": "Email",
    "Leads": "Email",
}
"""What upsert checks without being asked; `Name` in custom modules. Source: page "Upsert".
Documented."""
CUSTOM_DUPLICATE_FIELD: Final = "Name"
"""As above, for custom modules. Documented."""

# --- bulk jobs (README: Bulk) ---------------------------------------------------------------------

BULK_READ_ROWS: Final = 200_000
"""Records in one result. Source: page "Download bulk read result". Documented."""
BULK_READ_PAGES: Final = 50
"""Most of `page`; with `page_token` no limit is named. Documented."""
BULK_RESULT_LIFE: Final = timedelta(days=1)
"""How long a result can be fetched, and a page token used. Token documented, result unverified."""
BULK_DOWNLOADS: Final = (10, 60)
"""Results fetched in so many seconds; one more is 429. Documented."""
BULK_WRITE_ROWS: Final = 25_000
"""Records in one file. Source: page "Bulk write limitations". Documented."""
BULK_WRITE_BYTES: Final = 25_000_000
"""Of one file; whether the zip or the CSV in it is meant is unverified: hold both. Documented."""
BULK_COLUMNS: Final = 200
"""Columns of one file to write; taken for reads too (there unverified). Documented."""
BULK_DATE: Final = "yyyy-MM-dd"
BULK_DATETIME: Final = "yyyy-MM-dd'T'HH:mm:ssXXX"
"""`format` of a mapped date or time. Without one the vendor reads MM/dd/yyyy by one page and ISO
8601 by another (Kaizen 13): always say it. Documented, conflicting."""
BULK_DELIMITER: Final = ";"
"""Between the values of a multi-select. Source: "Kaizen 13". Documented; for reads unverified."""
BULK_READ_DONE: Final = "COMPLETED"
BULK_READ_FAILED: Final = frozenset({"FAILURE", "FAILED"})
"""Ends of a read job; others are ADDED, QUEUED, IN PROGRESS. Documented; FAILED from elsewhere."""
BULK_WRITE_DONE: Final = "COMPLETED"
BULK_WRITE_FAILED: Final = frozenset({"FAILED", "FAILURE", "SKIPPED"})
"""Ends of a write job; others are ADDED, INPROGRESS and IN PROGRESS. Documented, conflicting."""
BULK_LOOKS: Final = 20
"""Looks at one job's state that we count on, a credit each. A choice, no fact."""

# --- value limits (README: Values) ----------------------------------------------------------------

TEXT_LENGTH: Final = 255
"""UTF-16 units of a single line, unless metadata says less. Documented; the unit unverified."""
TEXTAREA_LENGTH: Final[Mapping[str, int]] = {"small": 2_000, "large": 32_000, "rich_text": 50_000}
"""UTF-16 units, by `textarea.type`. Source: page "Fields metadata". Documented."""
INTEGER_DIGITS: Final = 9
"""Digits of data type `integer`. Source: page "Insert records", sample attributes. Documented."""
BIGINT_DIGITS: Final = 18
"""Digits of data type `bigint`, which travels as a string. Documented, as above."""
DECIMAL_DIGITS: Final = 16
"""Digits before the point of `double` and `currency`. Documented, as above."""
PERCENT_DIGITS: Final = 5
"""Digits of data type `percent`. Documented, as above."""

CONSENT_TYPE: Final = "consent_lookup"
"""`data_type` of the field that holds a record's consent object, where the organisation has its
privacy settings on. Source: the vendor's SDK, 7.0.0. Not confirmed by a page."""
CONSENT_PARTS: Final[Mapping[str, str]] = {
    "Contact_Through_Email": "flag",
    "Contact_Through_Phone": "flag",
    "Contact_Through_Social": "flag",
    "Contact_Through_Survey": "flag",
    "Consent_Date": "date",
    "Consent_Through": "text",
    "Consent_Remarks": "text",
    "Data_Processing_Basis": "text",
}
"""Parts of that object, with the lens's word for each. Source: the vendor's specification, schema
`Consent` of records. Documented; which of them an organisation has is not."""

# --- budgets (README: Limits and credits) ---------------------------------------------------------

CREDIT_WINDOW: Final = timedelta(hours=24)
"""Rolling. Source: page "API limits". Documented."""
HEAVY_WRITE: Final = 10
"""A write of more records than this is of the heavy kind, of which fewer may be in flight; queries
and lists sorted by other than the id are too. Documented; the exact condition unverified."""
RECORDS_PER_WRITE_CREDIT: Final = 10
"""Insert, update, upsert: one credit for each started ten. Documented, as above."""
CREDITS: Final[Mapping[str, int]] = {
    "deleted": 2,
    "list_by_view": 3,
    "bulk_read": 50,
    "bulk_write": 500,
}
"""Credits of a call, where it is not one. Documented, as above; 50 for starting a bulk read stands
on a page about other products of the vendor, 500 for a bulk write in "Kaizen 103"."""
COQL_CREDIT_STEPS: Final = ((200, 1), (1_000, 2), (2_000, 3))
"""Up to so many rows cost so many credits. Source: page "COQL limitations". Documented."""


def write_credits(records: int) -> int:
    """Credits of an insert, update or upsert of so many records.

    >>> write_credits(1), write_credits(10), write_credits(11)
    (1, 1, 2)
    """
    return max(1, -(-records // RECORDS_PER_WRITE_CREDIT))


def coql_credits(rows: int) -> int:
    """Credits of a query with `limit` so many rows.

    >>> coql_credits(200), coql_credits(201), coql_credits(2000)
    (1, 2, 3)
    """
    return next((cost for most, cost in COQL_CREDIT_STEPS if rows <= most), 3)


# --- error codes (README: Error codes) ------------------------------------------------------------


class Class(StrEnum):
    """What to do about an error code."""

    RETRY = "retry"
    """The whole call, later, with back-off; a write's outcome must be looked up first."""
    TOKEN = "token"  # noqa: S105 - a class name, not a secret
    """Fetch a new access token once and repeat once."""
    CONFLICT = "conflict"
    """The record stands against another, or was changed since: look, decide again."""
    PERMANENT = "permanent"
    """The call or the configuration is wrong; repeating does not help."""
    ITEM = "item"
    """This record will not go in."""
    LATER = "later"
    """Depends on the record's state in the CRM (locked, awaiting approval): hours later."""
    CURSOR = "cursor"
    """Paging broke off: start the window again, or another way of paging."""


CODES: Final[Mapping[str, Class]] = {
    "INVALID_TOKEN": Class.TOKEN,
    "INVALID_OAUTHTOKEN": Class.TOKEN,
    "AUTHENTICATION_FAILURE": Class.PERMANENT,
    "OAUTH_SCOPE_MISMATCH": Class.PERMANENT,
    "NO_PERMISSION": Class.PERMANENT,
    "AUTHORIZATION_FAILED": Class.PERMANENT,
    "NOT_SUPPORTED": Class.PERMANENT,
    "FEATURE_NOT_SUPPORTED": Class.PERMANENT,
    "NOT_ALLOWED": Class.PERMANENT,
    "API_NOT_SUPPORTED": Class.PERMANENT,
    "INVALID_MODULE": Class.PERMANENT,
    "INVALID_URL_PATTERN": Class.PERMANENT,
    "INVALID_REQUEST_METHOD": Class.PERMANENT,
    "INVALID_REQUEST": Class.PERMANENT,
    "UNABLE_TO_PARSE_DATA_TYPE": Class.PERMANENT,
    "JSON_PARSE_ERROR": Class.PERMANENT,
    "REQUIRED_PARAM_MISSING": Class.PERMANENT,
    "EXPECTED_PARAM_MISSING": Class.PERMANENT,
    "PATTERN_NOT_MATCHED": Class.PERMANENT,
    "AMBIGUITY_DURING_PROCESSING": Class.PERMANENT,
    "TOKEN_BOUND_DATA_MISMATCH": Class.CURSOR,
    "EXPIRED_VALUE": Class.CURSOR,
    "DISCRETE_PAGINATION_LIMIT_EXCEEDED": Class.CURSOR,
    "PAGINATION_LIMIT_EXCEEDED": Class.CURSOR,
    "LIMIT_REACHED": Class.PERMANENT,
    "CRITERIA_LIMIT_EXCEEDED": Class.PERMANENT,
    "INVALID_QUERY": Class.PERMANENT,
    "SYNTAX_ERROR": Class.PERMANENT,
    "INVALID_ALIAS": Class.PERMANENT,
    "DUPLICATE_ALIAS": Class.PERMANENT,
    "LIMIT_EXCEEDED": Class.PERMANENT,
    "MANDATORY_NOT_FOUND": Class.ITEM,
    "INVALID_DATA": Class.ITEM,
    "DUPLICATE_DATA": Class.CONFLICT,
    "MULTIPLE_OR_MULTI_ERRORS": Class.ITEM,
    "DEPENDENT_FIELD_MISSING": Class.ITEM,
    "DEPENDENT_MISMATCH": Class.ITEM,
    "EXPECTED_FIELD_MISSING": Class.ITEM,
    "MAPPING_MISMATCH": Class.ITEM,
    "DEPENDENT_SERVICE_ERROR": Class.LATER,
    "DUPLICATE_LINKING_DATA": Class.CONFLICT,
    "RECORD_LOCKED": Class.LATER,
    "NOT_APPROVED": Class.LATER,
    "NOT_REVIEWED": Class.LATER,
    "RECORD_IN_BLUEPRINT": Class.ITEM,
    "CONVERTED_RECORD": Class.ITEM,
    "ID_ALREADY_CONVERTED": Class.ITEM,
    "CANNOT_PERFORM_ACTION": Class.ITEM,
    "CANNOT_PROCESS": Class.ITEM,
    "CANNOT_DELETE": Class.ITEM,
    "ALREADY_MODIFIED": Class.CONFLICT,
    "STORAGE_SPACE_EXCEEDED": Class.PERMANENT,
    "FILE_SIZE_MORE_THAN_ALLOWED_SIZE": Class.PERMANENT,
    "TOO_MANY_REQUESTS": Class.RETRY,
    "RATE_LIMIT_EXCEEDED": Class.RETRY,
    "INTERNAL_ERROR": Class.RETRY,
    "BAD_GATEWAY": Class.RETRY,
    "SERVICE_UNAVAILABLE": Class.RETRY,
}
"""Error code to class. Source: error tables of all record pages and the OpenAPI files. Documented,
except JSON_PARSE_ERROR (unverified). A code may stand for the whole call or in one record's answer;
MULTIPLE_OR_MULTI_ERRORS keeps the single errors in `details.errors`."""

SUCCESS: Final = "SUCCESS"
"""`code` of a record that went in. Documented."""
HEADER_REFUSED: Final = "AUTHENTICATION_FAILURE"
"""Header missing or malformed; no new token heals it. Documented."""


def classify(code: str, status: int, *, item: bool) -> Class:
    """Say what to do about a code; an unknown one is judged by where it stands and the HTTP status.

    >>> classify("INVALID_DATA", 400, item=True), classify("NEVER_SEEN", 503, item=False)
    (<Class.ITEM: 'item'>, <Class.RETRY: 'retry'>)
    """
    known = CODES.get(code)
    if known is not None:
        return known
    if status == 429 or status >= 500:
        return Class.RETRY
    return Class.ITEM if item else Class.PERMANENT


# --- scopes (README: Login) -----------------------------------------------------------------------

COQL_SCOPE: Final = "ZohoCRM.coql.READ"
"""Needed to query, whatever else a login may read. Source: page "Scopes". Documented, reported."""
SCOPES: Final = (
    "ZohoCRM.modules.ALL",
    "ZohoCRM.settings.ALL",
    "ZohoCRM.org.READ",
    "ZohoCRM.users.READ",
    COQL_SCOPE,
    "ZohoSearch.securesearch.READ",
)
"""What the connector asks for."""
BULK_SCOPES: Final = ("ZohoCRM.bulk.ALL", "ZohoFiles.files.ALL")
"""Needed on top of `SCOPES` for bulk jobs alone. Source: pages of the bulk APIs. Documented."""

DATA_CENTRES: Final[Mapping[str, tuple[str, str, str]]] = {
    "us": ("accounts.zoho.com", "www.zohoapis.com", "content.zohoapis.com"),
    "eu": ("accounts.zoho.eu", "www.zohoapis.eu", "content.zohoapis.eu"),
    "in": ("accounts.zoho.in", "www.zohoapis.in", "content.zohoapis.in"),
    "cn": ("accounts.zoho.com.cn", "www.zohoapis.com.cn", "content.zohoapis.com.cn"),
    "au": ("accounts.zoho.com.au", "www.zohoapis.com.au", "content.zohoapis.com.au"),
    "jp": ("accounts.zoho.jp", "www.zohoapis.jp", "content.zohoapis.jp"),
    "ca": ("accounts.zohocloud.ca", "www.zohoapis.ca", "content.zohoapis.ca"),
    "sa": ("accounts.zoho.sa", "www.zohoapis.sa", "content.zohoapis.sa"),
}
"""Accounts, API and upload host by data centre. Source: pages "Multi DC", Python SDK.
Documented."""
DOWNLOAD_HOSTS: Final[Mapping[str, str]] = {"us": "download-accl.zoho.com"}
"""Where results of bulk writes are fetched, by data centre. Source: samples of the guide and the
Python SDK; no page names the others: the setting `download_url` says it. For us documented."""
