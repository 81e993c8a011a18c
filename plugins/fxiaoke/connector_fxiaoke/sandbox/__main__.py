"""`python -m connector_fxiaoke.sandbox --port N [--rate N/SECONDSs] [--objects FILE.json]`."""

from __future__ import annotations

from pathlib import Path

from connector.sandbox.server import parser, serve
from connector_fxiaoke.sandbox.app import SandboxApp
from connector_fxiaoke.sandbox.organisation import load_objects


def main() -> None:
    """Parse the command line and serve until interrupted."""
    options = parser("connector_fxiaoke.sandbox", __doc__)
    options.add_argument("--objects", type=Path, help="an organisation in describe's shape")
    asked = options.parse_args()
    app = SandboxApp(definitions=load_objects(asked.objects), rate=asked.rate)
    serve(app, asked.port, until_eof=asked.until_eof)


if __name__ == "__main__":
    main()
