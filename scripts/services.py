"""The services: each folder here that has an ``app.py`` and a SPEC in its ``model_config.py``.

They are read and not imported, with the standard library alone: scripts that run before anything
is installed look here too. ``services`` in ``lib.sh`` is the same for shell scripts.
"""

import ast
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BadService(Exception):
    """A folder that looks like a service and is none; the message names it."""


@dataclass(frozen=True)
class Service:
    """What a folder says of its service."""

    name: str
    """Of the folder, which is the package, and the SPEC's id."""
    port: int
    title: str


def find(root: Path = ROOT) -> tuple[Service, ...]:
    """Every service in a folder of ``root``, by port.

    Raises:
        BadService: a SPEC cannot be read, or two have one port.
    """
    apps = root.glob("*/app.py")
    folders = (app.parent for app in apps if app.with_name("model_config.py").is_file())
    found = sorted(map(_service, folders), key=lambda service: (service.port, service.name))
    for one, other in pairwise(found):
        if one.port == other.port:
            raise BadService(f"{one.name} and {other.name} both have port {one.port}.")
    return tuple(found)


def _service(folder: Path) -> Service:
    match _spec(folder / "model_config.py"):
        case {"id": folder.name, "port": int(port), "title": str(title)}:
            return Service(folder.name, port, title)
    raise BadService(
        f"{folder.name}/model_config.py: SPEC must say id (the folder's name), port and title"
        " as plain values: they are read without an import."
    )


def _spec(config: Path) -> dict[str | None, object]:
    """The plain ones among the arguments of ``SPEC = ...(...)``."""
    for node in ast.parse(config.read_text(encoding="utf-8")).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name("SPEC")], value=ast.Call(keywords=given))
                | ast.AnnAssign(target=ast.Name("SPEC"), value=ast.Call(keywords=given))
            ):
                plain = [one for one in given if isinstance(one.value, ast.Constant)]
                return {one.arg: ast.literal_eval(one.value) for one in plain}
    return {}


def spec_address(name: str) -> str:
    """Where the SPEC of a service is."""
    return f"{name}.model_config:SPEC"


PORTS = {service.name: service.port for service in find()}
"""Every service of this repository, and its port."""

MODELS = tuple(PORTS)
