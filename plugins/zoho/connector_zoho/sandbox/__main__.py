"""`python -m connector_zoho.sandbox --port N [--modules FILE.json]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from connector_zoho.sandbox.server import load_modules, serve


def main() -> None:
    """Parse the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="connector_zoho.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--modules", type=Path, help="an organisation in the metadata's shape")
    parser.add_argument("--until-eof", action="store_true", help="end with standard input")
    asked = parser.parse_args()
    serve(asked.port, load_modules(asked.modules), until_eof=asked.until_eof)


if __name__ == "__main__":
    main()
