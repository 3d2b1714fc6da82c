"""No module needs itself, by whatever way round: each can be read before those that import it.

Imports inside of functions count, and those for types alone: they put off a circle, and break none.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from scripts.services import MODELS

ROOT = Path(__file__).parents[2]
PACKAGES = ("common", *MODELS, "scripts", "tests")
Texts = Mapping[str, str]
"""Python by the dotted name of its module; a package's is that of its ``__init__``."""


def sources() -> Texts:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {module_name(path.relative_to(ROOT)): path.read_text() for path in paths}


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circle(texts: Texts) -> list[str]:
    """One circle, from a module to itself; empty where there is none."""
    graph = {name: set(imports(name, text, texts)) for name, text in texts.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        found: list[str] = exc.args[1]
        return found
    return []


def imports(importer: str, text: str, known: Texts) -> Iterator[str]:
    """What a module imports of what is known, with the packages that are run on the way there."""
    for name in named(ast.parse(text), known):
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            module = ".".join(parts[:end])
            if module in known and not f"{importer}.".startswith(f"{module}."):
                yield module
        if importer.startswith(f"{name}.") and name in known:
            yield name  # a package's own module that asks its face


def named(tree: ast.AST, known: Texts) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)


def test_there_are_no_circles():
    assert circle(sources()) == []


LATER = "def run():\n    from {} import run"
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {} import Thing"


@pytest.mark.parametrize(
    "texts",
    [
        {"a": "import b", "b": "import a"},
        {"a": "import b", "b": LATER.format("a")},
        {"a": FOR_TYPES.format("b"), "b": "from c import Thing", "c": "import a"},
        {"p": "from p.a import run", "p.a": "from p import other"},
        {"p": "from p.a import run", "p.a": "from p import b", "p.b": "from p import run"},
        {"p": "import q.a", "p.a": "", "q": "", "q.a": "from p.a import run"},
    ],
    ids=["two", "in a function", "for types", "a face", "a face, by another", "a foreign face"],
)
def test_a_circle_is_seen(texts: dict[str, str]):
    assert circle(texts) != []


@pytest.mark.parametrize(
    "texts",
    [
        {"a": "import b, c", "b": LATER.format("c"), "c": "import os"},
        {"p": "from p.a import run", "p.a": "from p.b import run", "p.b": ""},
        {"p": "from p import a", "p.a": "", "q": "from p import run, a"},
    ],
    ids=["three in a row", "below a face", "a face and its module"],
)
def test_what_is_no_circle_passes(texts: dict[str, str]):
    assert circle(texts) == []
