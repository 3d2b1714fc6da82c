"""What the docs quote is really in the code: error texts, files, make targets, settings."""

import re
from itertools import chain
from pathlib import Path

import pytest

from common.base.settings import Settings
from common.contract import Kind
from scripts.services import PORTS
from tests.live import ROOT

DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SOURCES = [*(ROOT / "common").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def _texts() -> str:
    """All source texts as a reader sees them: strings joined over lines, placeholders as …"""
    joined = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in SOURCES))
    return PLACEHOLDER.sub("…", joined)


def _symptoms() -> list[str]:
    rows = OPERATIONS.partition("## Troubleshooting")[2].splitlines()
    first = [row.split("|")[1] for row in rows if row.startswith("| `")]
    return list(chain.from_iterable(re.findall(r"`([^`]+)`", cell) for cell in first))


@pytest.mark.parametrize("words", _symptoms())
def test_symptoms_are_in_the_programs_own_words(words: str):
    example = re.sub(r"about \d+ min", "about …", words)
    of_any_kind = re.sub(r"\bvideo(?=s?\b)", "…", example)
    assert any(form in _texts() for form in (example, of_any_kind, of_any_kind.replace("…s", "…")))


def test_there_are_symptoms():
    assert len(_symptoms()) > 20


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_linked_files_are_there(path: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_linked_headings_are_there(path: Path):
    for file, heading in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text()):
        target = (path.parent / file).read_text() if file else path.read_text()
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in target.splitlines()
            if line.startswith("#")
        }
        assert heading in headings, f"{file}#{heading}"


@pytest.mark.parametrize(
    "path", [*DOCS, *sorted(ROOT.glob("docs/decisions/*.md"))], ids=lambda path: path.name
)
def test_named_files_are_there(path: Path):
    named = re.findall(
        r"`((?:common|docs|monitoring|proxy|scripts|tests)/[\w./-]+)`", path.read_text()
    )
    assert [name for name in named if not (ROOT / name.replace("mymodel", "wan21")).exists()] == []


def test_what_a_kind_is_asked_for_is_explained():
    asked = {*Kind.__annotations__, *(name for name in vars(Kind) if callable(vars(Kind)[name]))}
    text = (ROOT / "docs" / "adding-a-kind.md").read_text()
    assert {name for name in asked if name[0] != "_" and f"`{name}`" not in text} == set()


@pytest.mark.parametrize("name", ["README.md", "docs/QUICKSTART.md"])
def test_every_service_has_its_row(name: str):
    text = (ROOT / name).read_text()
    assert [
        service for service, port in PORTS.items() if f"| `{service}` | {port} |" not in text
    ] == []


def test_settings_that_the_docs_name_are_there():
    known = {name.upper() for name in Settings.model_fields}
    elsewhere = {"CHECKPOINT", "QUANTIZATION", "PINNED", "HOST"}  # in more words than one
    named = set(re.findall(r"`((?:S3|[A-Z]+)_[A-Z_]+)(?:=[^`]*)?`", OPERATIONS))
    compose = {"COMPOSE_PROFILES", "OPEN_FILES", "TLS_HOST", "TLS_ADDRESS"}
    assert named - known - elsewhere - compose == set()
