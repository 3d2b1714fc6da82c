"""Writes the services into the files that cannot look for them: ``make services``.

``python -m scripts.write_services [--check]``. What is between the marks "services: begin" and
"services: end" of a file is made anew from the folders. With ``--check`` nothing is written. Needs
nothing but Python. Exit status: 0 well, 1 a file is not up to date, 2 its marks are wrong.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Protocol

from scripts.services import ROOT, Service, find

HTTPS_SHIFT = 440
"""From a service's port to the one of the proxy that stands in front of it."""

CONTAINER = """\
%(name)s:
  <<: *model
  image: localhost/${STACK:-videosdgx}/%(name)s:${TAG:-latest}
  build: { <<: *build, dockerfile: %(name)s/Dockerfile }
  environment: { <<: *environment, %(NAME)s_PORT: "%(port)s" }
  ports: ["127.0.0.1:${%(NAME)s_PORT:-%(port)s}:%(port)s"]"""

ITS_CODE = """\
%(name)s:
  <<: *code
  volumes:
    - ./common:/app/common:ro
    - ./scripts:/app/scripts:ro
    - ./%(name)s:/app/%(name)s:ro"""

HTTPS = """\
https://{$TLS_HOST}:%(https)s {
	import service %(name)s:%(port)s
}"""


class BadMarks(Exception):
    """A file lacks a marked place, or has one too many."""


class Block(Protocol):
    """What stands in a marked place."""

    def text(self, services: Sequence[Service], before: str) -> str: ...


@dataclass(frozen=True)
class Each:
    """The same for each service."""

    one: str
    between: str = "\n"
    around: str = "%s"

    def text(self, services: Sequence[Service], _before: str) -> str:
        return self.around % self.between.join(self.one % _words(service) for service in services)


@dataclass(frozen=True)
class Rows:
    """A table of a document. What people wrote of a service stays; a new one has its title."""

    def text(self, services: Sequence[Service], before: str) -> str:
        head = before.splitlines()[:2]
        written = dict(re.findall(r"^\| `(\w+)` \| \d+ \| (.*) \|$", before, re.MULTILINE))
        rows = (
            f"| `{one.name}` | {one.port} | {written.get(one.name, f'{one.title} | ')} |"
            for one in services
        )
        return "\n".join((*head, *rows))


BLOCKS: Mapping[str, Sequence[Block]] = {
    "docker-compose.yml": (
        Each("%(name)s=:%(port)s", ",", "SIBLINGS: ${SIBLINGS:-%s}"),
        Each("%(name)s=http://%(name)s:%(port)s", ",", "STACK_ADDRESSES: ${STACK_ADDRESSES:-%s}"),
        Each(CONTAINER, "\n\n"),
        Each('- "${TLS_ADDRESS:-127.0.0.1}:%(https)s:%(https)s"'),
    ),
    "docker-compose.gpu.yml": (Each("%(name)s: *gpu"),),
    "docker-compose.override.yml.example": (Each(ITS_CODE),),
    "proxy/Caddyfile": (Each(HTTPS, "\n\n"),),
    "monitoring/prometheus.yml": (Each('"%(name)s:%(port)s"', ", ", "- targets: [%s]"),),
    "pyproject.toml": (
        Each('"%(name)s"', ", ", 'root_packages = ["common", %s]'),
        Each("%(name)s", " | ", 'layers = ["%s", "common"]'),
    ),
    ".dockerignore": (Each("!%(name)s"),),
    ".env.example": (Each("# %(NAME)s_PORT=%(port)s"),),
    "README.md": (Rows(),),
    "docs/QUICKSTART.md": (Rows(),),
}
"""Every file with marked places, and what stands in them, in their order."""

_PLACE = re.compile(
    r"^(?P<indent> *)(?P<begin>\S+ services: begin[^\n]*\n)"
    r"(?P<before>.*?)^(?P<end> *\S+ services: end)",
    re.MULTILINE | re.DOTALL,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, or look; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.write_services", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args(arguments)
    try:
        stale = stale_files(ROOT)
    except BadMarks as exc:
        print(exc, file=sys.stderr)
        return 2
    for name, text in stale.items():
        print(f"{name} is not up to date: make services" if args.check else f"wrote {name}")
        if not args.check:
            (ROOT / name).write_text(text, encoding="utf-8")
    return 1 if stale and args.check else 0


def stale_files(root: Path) -> dict[str, str]:
    """The files that do not agree with the folders of ``root``, and what they should hold.

    Raises:
        BadService: a folder looks like a service and is none.
        BadMarks: a file has other marked places than it should.
    """
    services = find(root)
    held = {name: (root / name).read_text(encoding="utf-8") for name in BLOCKS}
    wanted = {name: _filled(name, text, services) for name, text in held.items()}
    return {name: text for name, text in wanted.items() if text != held[name]}


def _filled(name: str, text: str, services: Sequence[Service]) -> str:
    blocks = iter(BLOCKS[name])
    if len(found := _PLACE.findall(text)) != len(BLOCKS[name]):
        raise BadMarks(f"{name} has {len(found)} marked places and not {len(BLOCKS[name])}.")

    def fill(place: re.Match[str]) -> str:
        made = indent(next(blocks).text(services, place["before"]), place["indent"])
        return f"{place['indent']}{place['begin']}{made}\n{place['end']}"

    return _PLACE.sub(fill, text)


def _words(service: Service) -> dict[str, object]:
    name, port = service.name, service.port
    return {"name": name, "NAME": name.upper(), "port": port, "https": port + HTTPS_SHIFT}


if __name__ == "__main__":
    sys.exit(main())
