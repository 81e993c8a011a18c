"""`python -m connector_zoho.sandbox --port N [--rate N/SECONDSs] [--modules FILE.json]`."""

from __future__ import annotations

from pathlib import Path

from connector.sandbox.server import parser, serve
from connector_zoho.sandbox.app import SandboxApp
from connector_zoho.sandbox.organisation import load_modules


def main() -> None:
    """Parse the command line and serve until interrupted."""
    options = parser("connector_zoho.sandbox", __doc__)
    options.add_argument("--modules", type=Path, help="an organisation in the metadata's shape")
    asked = options.parse_args()
    app = SandboxApp(definitions=load_modules(asked.modules), rate=asked.rate)
    serve(app, asked.port, until_eof=asked.until_eof)


if __name__ == "__main__":
    main()
