"""Fetch one small file: ``python -m scripts.fetch_file URL SHA256 PATH``. Whole, or not."""

import argparse
import hashlib
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

TIMEOUT_SECONDS = 60


class Refused(Exception):
    """Why there is no file, in words for a person."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch it; says on stderr why not."""
    parser = argparse.ArgumentParser(description="Fetch one file and check its SHA-256.")
    parser.add_argument("url")
    parser.add_argument("sha256")
    parser.add_argument("path", type=Path)
    parsed = parser.parse_args(arguments)
    try:
        fetch(parsed.url, parsed.sha256, parsed.path)
    except Refused as exc:
        sys.exit(str(exc))


def fetch(url: str, sha256: str, path: Path) -> None:
    """Bring ``url`` to ``path``.

    Raises:
        Refused: it cannot be had, or is not the file that was meant.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # ours
            content = answer.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as exc:
        raise Refused(f"{url} cannot be fetched. Look at the network, and run this again.") from exc
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise Refused(f"{url} is another file than the one that was checked (SHA-256 {found}).")
    draft = path.with_name(f"{path.name}.part")
    draft.write_bytes(content)
    draft.replace(path)


if __name__ == "__main__":
    main()
