"""The page's words, and a kind's: in two tables each with the same keys, and nowhere else."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.live import ROOT

PAGE = ROOT / "common" / "api" / "ui" / "page"
VIDEO = ROOT / "common" / "kinds" / "video" / "page"
TABLES = ("words.en.js", "words.pt.js")


def _scripts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.js") if path.name not in TABLES)


SCRIPTS = [*_scripts(PAGE), *_scripts(VIDEO)]
assert {path.parent for path in SCRIPTS} == {PAGE, VIDEO}
NAMES = {"VideosDGX", "1024x576"}
"""What is the same in every language."""
TECHNICAL = {"AbortError", "Alt+ArrowDown", "Alt+ArrowUp", "Content-Type", "Enter", "Files"}
"""What browsers call things."""
COMPOSED = (
    r"(state|field|phase|step|code|shape|details|source)\..+"
    r"|(anew|cancel|delete)\.named|(preset|template)(\.none)?"
)
"""Keys that scripts put together: from a word of the service, mostly."""


def table(name: str, folder: Path = PAGE) -> dict[str, Any]:
    """A table is JSON, but for its first lines."""
    text = (folder / name).read_text()
    found: dict[str, Any] = json.loads(text.partition("export default ")[2].rstrip().rstrip(";"))
    return found


def _forms(value: str | dict[str, str]) -> dict[str, str]:
    return value if isinstance(value, dict) else {"": value}


def _values(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("folder", [PAGE, VIDEO], ids=["page", "video"])
def test_both_languages_say_the_same_things_with_the_same_values(folder: Path):
    english, portuguese = (table(name, folder) for name in TABLES)
    assert list(english) == list(portuguese)
    for key, value in english.items():
        assert _forms(value).keys() == _forms(portuguese[key]).keys(), key
        for form, text in _forms(value).items():
            other = _forms(portuguese[key])[form]
            assert other, key
            assert key.startswith("code.") or _values(text) == _values(other), key


def _said(sources: str) -> set[str]:
    marked = set(re.findall(r'data-words(?:-\w+)?="([^"]+)"', sources))
    return marked | set(re.findall(r'\bsay\("([^"]+)"', sources))


def _unused(keys: set[str], sources: str) -> list[str]:
    literal = set(re.findall(r'"([a-z_.]+)"', sources))
    return [key for key in keys - literal if not re.fullmatch(COMPOSED, key)]


def test_every_word_is_used_and_every_used_word_is_there():
    """The page needs no word of a kind; a kind has words of its own, or others for the page's."""
    general, own = set(table("words.en.js")), set(table("words.en.js", VIDEO))
    page = (PAGE / "index.html").read_text() + "".join(map(Path.read_text, _scripts(PAGE)))
    video = "".join(map(Path.read_text, _scripts(VIDEO)))
    assert _said(page) <= general
    assert _said(video) <= general | own
    assert _unused(general, page) == []
    assert _unused(own - general, video) == []


def test_codes_that_are_put_into_words_exist():
    keys = {*table("words.en.js"), *table("words.en.js", VIDEO)}
    codes = {key.removeprefix("code.") for key in keys if key.startswith("code.")}
    source = "".join(path.read_text() for path in (ROOT / "common").rglob("*.py"))
    own = {"unreachable", "unexpected", "other"}  # the page's
    assert [code for code in sorted(codes - own) if f'code = "{code}"' not in source
            and f'code="{code}"' not in source] == []  # fmt: skip


class _Words(HTMLParser):
    """Texts that stand in HTML, and those of its attributes that people see or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        seen = ("placeholder", "title", "alt", "aria-label", "aria-description")
        self.found += [value for name, value in attrs if name in seen and value]

    def handle_data(self, data: str) -> None:
        self.found += [data.strip()] if data.strip("\xa0 \n") else []


def test_no_word_stands_in_the_html():
    parser = _Words()
    parser.feed((PAGE / "index.html").read_text())
    assert set(parser.found) == {"VideosDGX"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_no_word_stands_in_a_script(path: Path):
    code = re.sub(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", "", path.read_text(), flags=re.S)
    literals = re.findall(r'"([^"\n]*)"|`([^`]*)`', code)
    texts = [re.sub(r"\$\{[^}]*\}", "", double or template) for double, template in literals]
    spoken = [text for text in texts if re.match(r"[A-Z][a-z]+", text.strip())]
    assert set(spoken) <= TECHNICAL | NAMES | {", VideosDGX"}
