"""What the server loads: `gunicorn backoffice.wsgi`."""

import atexit
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
application = get_wsgi_application()

from backoffice.crm.background import close  # noqa: E402  # it needs the settings

# Each process of the server has its own thread, from its first commit on; it ends with the process.
atexit.register(close)
