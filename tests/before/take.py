"""Take what the tests of this folder hold later releases to: see README.md.

``python -m tests.before.take [openapi] [settings]``; all without a name.
"""

import gzip
import json
import sys
from collections.abc import Callable

from tests.before import documents


def take_openapi() -> None:
    """Store the OpenAPI document of each service."""
    for model, document in documents.documents().items():
        text = json.dumps(document, indent=1, sort_keys=True)
        # Without a date in it: the same document is the same file.
        documents.document_file(model).write_bytes(gzip.compress(text.encode(), mtime=0))


def take_settings() -> None:
    """Store every setting."""
    text = json.dumps(documents.settings(), indent=1)
    documents.SETTINGS.write_text(f"{text}\n")


PARTS: dict[str, Callable[[], None]] = {"openapi": take_openapi, "settings": take_settings}


def main(names: list[str]) -> None:
    """Take the parts that are named, or all."""
    for name in names or PARTS:
        PARTS[name]()
        print(f"{name}: taken")


if __name__ == "__main__":
    main(sys.argv[1:])
