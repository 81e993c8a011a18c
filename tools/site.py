"""`make docs`: the pages as a site in `site/`, built without a network.

The pages lie where a reader of the repository looks for them, also beside plugins and examples, and
link to one another there. So a mirror of them is made, in which every link holds as it stands; a
folder that is linked gets a page that lists it. Decision 39 has the reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
MIRROR: Final = ROOT / "build" / "site-source"
SITE: Final = ROOT / "site"
PAGES: Final = ("*.md", "docs/**/*.md", "plugins/*/README.md", "examples/*/README.md")
LINK: Final = re.compile(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")
LISTED: Final = (".md", ".yaml", ".toml", ".py")
LOADED: Final = re.compile(r"<(?:script|img|iframe)[^>]+src=\"?(https?:[^\s\">]+)")
SHEETS: Final = re.compile(r"<link[^>]+rel=\"?(?:stylesheet|preconnect)\"?[^>]*")


def pages() -> list[Path]:
    """Every page of the site, from the root of the repository."""
    found = {file for pattern in PAGES for file in ROOT.glob(pattern)}
    return sorted(file.relative_to(ROOT) for file in found)


def links(page: Path) -> Iterator[Path]:
    """Where a page links to inside the repository, from its root."""
    text = without_code((ROOT / page).read_text(encoding="utf-8"))
    for target, _ in LINK.findall(text):
        yield ((ROOT / page).parent / target).resolve().relative_to(ROOT)


def without_code(text: str) -> str:
    """A page without its blocks and pieces of code, in which brackets are no links.

    >>> without_code("a `](b)` c\\n```\\n](d)\\n```\\n[e](f)")
    'a  c\\n\\n[e](f)'
    """
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    return re.sub(r"`[^`\n]+`", "", text)


def mirror(folder: Path) -> None:
    """Copy the pages and what they link to; list the folders that they link to."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in pages():
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in links(page):
            if (ROOT / target).is_dir():
                listing(folder, target)
            elif (ROOT / target).is_file() and target not in pages():
                _copy(folder, target)
        there = folder / page
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(to_files(text, (ROOT / page).parent), encoding="utf-8")


def to_files(text: str, folder: Path) -> str:
    """A page whose links to folders are links to the pages that list them."""

    def to_file(link: re.Match[str]) -> str:
        listed = (folder / link[1]).is_dir()
        return f"]({link[1].rstrip('/')}/index.md)" if listed else link[0]

    return LINK.sub(to_file, text)


def listing(folder: Path, target: Path) -> None:
    """A page with links to what is in a folder, by their titles."""
    lines = [f"# {target}\n\n"]
    for file in sorted((ROOT / target).rglob("*")):
        if file.suffix in LISTED and "__pycache__" not in file.parts:
            name = file.relative_to(ROOT / target)
            lines.append(f"- [{title(file)}]({name})\n")
            if file.suffix != ".md":
                _copy(folder, target / name)
    page = folder / target / "index.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("".join(lines), encoding="utf-8")


def title(file: Path) -> str:
    """The heading of a page; else the name of the file, with its folder."""
    if file.suffix == ".md":
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                return line.removeprefix("# ")
    return f"{file.parent.name}/{file.name}"


def _copy(folder: Path, target: Path) -> None:
    there = folder / target
    there.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / target, there)


def foreign(site: Path) -> list[str]:
    """Addresses elsewhere from which a page of the site would load something."""
    found = set()
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        found |= set(LOADED.findall(text))
        found |= {one for one in SHEETS.findall(text) if "http" in one}
    return sorted(found)


def main() -> int:
    mirror(MIRROR)
    # not --quiet: what it does not print, it does not count either
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean"]
    # the theme prints an advertisement for its successor otherwise
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command += ["--config-file", str(ROOT / "mkdocs.yml")]
    done = subprocess.run(command, env=quiet, check=False)
    if done.returncode:
        return 1
    elsewhere = foreign(SITE)
    for address in elsewhere:
        print(f"a page loads from elsewhere: {address}")
    print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE.name}/: open {SITE.name}/index.html")
    return 1 if elsewhere else 0


if __name__ == "__main__":
    sys.exit(main())
