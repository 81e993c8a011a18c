"""All reference pages by their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.reference import commands, fields, mapping, plugins, settings

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs" / "reference"
MADE: Final = "<!-- Made by `python -m tools.reference`; edit what it reads, not this file. -->\n\n"


def pages() -> Mapping[str, str]:
    """File name to text."""
    made = {
        "settings.md": settings.page(),
        "mapping.md": mapping.page(),
        "fields.md": fields.page(),
        "commands.md": commands.page(),
        "plugins.md": plugins.page(),
    }
    return {name: MADE + text for name, text in made.items()}
