"""What the server loads: `gunicorn wsgi:app`, or `flask --app wsgi run`."""

import atexit

from shop import create_app

app = create_app()

# Each process of the server has its own thread, from its first commit on; it ends with the process.
atexit.register(app.extensions["crm"].close)
