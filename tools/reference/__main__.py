"""`python -m tools.reference`: renew the reference pages, or with `--check` only compare them."""

from __future__ import annotations

import sys

from tools.reference.pages import FOLDER, pages


def main(argv: list[str]) -> int:
    """1 if `--check` found a page that is not as the code says."""
    differing = []
    for name, text in pages().items():
        file = FOLDER / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            differing.append(name)
            if "--check" not in argv:
                FOLDER.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    for name in differing:
        print(f"{'differs' if '--check' in argv else 'written'}: docs/reference/{name}")
    return 1 if differing and "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
