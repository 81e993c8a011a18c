"""The back office's settings; the connector's are one table of them."""

import os
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("DESK_DATA", BASE_DIR))

SECRET_KEY = os.environ.get("DESK_SECRET_KEY", "only-for-trying-it-out")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "backoffice.urls"
INSTALLED_APPS = ["backoffice.desk", "backoffice.crm"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "desk.db",
        # Who writes waits for its turn from the beginning, instead of failing midway.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30},
        # A view's changes and what the connector is told of them stand or fall together.
        "ATOMIC_REQUESTS": True,
    }
}
if "DESK_POSTGRES_PORT" in os.environ:
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["DESK_POSTGRES_PORT"],
        "NAME": os.environ["DESK_POSTGRES_NAME"],
        "USER": os.environ["DESK_POSTGRES_USER"],
        "ATOMIC_REQUESTS": True,
    }

# --- the connector: what would stand in connector.toml; its tables' part is `crm/side.py` --------

_MAPS = BASE_DIR / "backoffice" / "crm" / "maps"

CRM_FOLDER = DATA  # the state and the keys; back them up apart
CRM_THREAD = os.environ.get("DESK_CRM_THREAD", "yes") == "yes"  # no: only `manage.py crm_sync`
CRM_EVERY_S = 60  # how soon what sellers do at the CRM arrives
CRM: dict[str, Any] = {
    "tenant": "django-desk",
    "local": {
        "phone_region": "CN",
        "customer": {"mapping": str(_MAPS / "local" / "customer.yaml"), "first_contact": "local"},
        "membership": {"mapping": str(_MAPS / "local" / "membership.yaml")},
        "feedback": {"mapping": str(_MAPS / "local" / "feedback.yaml")},
    },
    "connections": {
        "zoho": {
            "plugin": "zoho",
            "kinds": ["customer", "membership", "feedback"],
            "mappings": str(_MAPS / "zoho"),
            "accounts_url": "https://accounts.zoho.com.cn",
            "api_url": "https://www.zohoapis.com.cn",
            "upload_url": "https://content.zohoapis.com.cn",
            "client_id": "env:ZOHO_CLIENT_ID",
            "client_secret": "env:ZOHO_CLIENT_SECRET",
            "refresh_token": "env:ZOHO_REFRESH_TOKEN",
        }
    },
}
