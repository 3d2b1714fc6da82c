"""Take what the tests of this folder hold later releases to: see README.md.

``python -m tests.before.take [PART ...]``, of openapi, settings, sqlite, postgres, wan21; or all.
"""

import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.before import documents
from tests.before.stored import DUMP, pack, toy_on, wan21_on
from tests.before.story import die, keep, toy_story, wan21_story
from tests.live import LiveService
from tests.postgres import started
from tests.receivers import Reply, receiver

_OF_PSQL = re.compile(r"\\|--|SET \w+ = .*;$")
"""Lines of a dump: commands of its own client, remarks, and settings of its own version."""


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


def take_sqlite() -> None:
    """Store what the toy's service leaves when it is killed."""
    with tempfile.TemporaryDirectory() as place:
        _tell_toy(Path(place))
        pack("sqlite", Path(place))


def take_postgres() -> None:
    """The same, with the jobs in a PostgreSQL."""
    with tempfile.TemporaryDirectory() as place, started() as server:
        _tell_toy(Path(place), server.url)
        (Path(place) / DUMP).write_text(_dumped(server.url.replace("+psycopg", "")))
        pack("postgres", Path(place))


def take_wan21() -> None:
    """What a real model's service leaves, on tiny random weights."""
    from scripts.tiny import wan21  # brings torch, which nothing else here needs

    with tempfile.TemporaryDirectory() as place:
        wan21.build(Path(place) / "models")
        with _killed(wan21_on(Path(place))) as service:
            keep(wan21_story(service), Path(place))
        pack("wan21", Path(place))


def _tell_toy(folder: Path, database_url: str | None = None) -> None:
    with receiver() as target, _killed(toy_on(folder, database_url)) as service:
        target.answers(Reply(500))  # so that a call is still owed
        keep(toy_story(service, target.url), folder)


@contextmanager
def _killed(service: LiveService) -> Iterator[LiveService]:
    """A service that runs, and is killed with its worker when nothing more is to happen."""
    try:
        yield service.start()
        die(service)
    finally:
        service.close()


def _dumped(url: str) -> str:
    """A database as statements that any version of PostgreSQL, and any client, can run."""
    program = max(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))
    command = [str(program), "--inserts", "--no-owner", "--no-privileges", url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if line and not _OF_PSQL.match(line))


PARTS: dict[str, Callable[[], None]] = {
    "openapi": take_openapi,
    "settings": take_settings,
    "sqlite": take_sqlite,
    "postgres": take_postgres,
    "wan21": take_wan21,
}


def main(names: list[str]) -> None:
    """Take the parts that are named, or all."""
    for name in names or PARTS:
        PARTS[name]()
        print(f"{name}: taken")


if __name__ == "__main__":
    main(sys.argv[1:])
