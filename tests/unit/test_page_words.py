"""The page's words: in two tables with the same keys, and nowhere else."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.live import ROOT

UI = ROOT / "common" / "api" / "ui"
TABLES = ("words.en.js", "words.pt.js")
SCRIPTS = sorted(path for path in UI.glob("*.js") if path.name not in TABLES)
NAMES = {"VideosDGX", "1024x576"}
"""What is the same in every language."""
TECHNICAL = {"AbortError", "Content-Type", "Enter", "Files"}
"""What browsers call things."""
COMPOSED = (
    r"(state|field|phase|code|shape|details)\..+|(cancel|delete)\.named|(preset|template)\.none"
)
"""Keys that scripts put together: from a word of the service, mostly."""


def table(name: str) -> dict[str, Any]:
    """A table is JSON, but for its first lines."""
    text = (UI / name).read_text()
    found: dict[str, Any] = json.loads(text.partition("export default ")[2].rstrip().rstrip(";"))
    return found


def _forms(value: str | dict[str, str]) -> dict[str, str]:
    return value if isinstance(value, dict) else {"": value}


def _values(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_both_languages_say_the_same_things_with_the_same_values():
    english, portuguese = map(table, TABLES)
    assert list(english) == list(portuguese)
    for key, value in english.items():
        assert _forms(value).keys() == _forms(portuguese[key]).keys(), key
        for form, text in _forms(value).items():
            other = _forms(portuguese[key])[form]
            assert other, key
            assert key.startswith("code.") or _values(text) == _values(other), key


def test_every_word_is_used_and_every_used_word_is_there():
    sources = (UI / "index.html").read_text() + "".join(path.read_text() for path in SCRIPTS)
    keys = set(table("words.en.js"))
    marked = set(re.findall(r'data-words(?:-\w+)?="([^"]+)"', sources))
    assert marked | set(re.findall(r'\bsay\("([^"]+)"', sources)) <= keys
    literal = set(re.findall(r'"([a-z_.]+)"', sources))
    assert [key for key in keys - literal if not re.fullmatch(COMPOSED, key)] == []


def test_codes_that_are_put_into_words_exist():
    codes = {key.removeprefix("code.") for key in table("words.en.js") if key.startswith("code.")}
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
    parser.feed((UI / "index.html").read_text())
    assert set(parser.found) == NAMES


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_word_stands_in_a_script(path: Path):
    code = re.sub(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", "", path.read_text(), flags=re.S)
    literals = re.findall(r'"([^"\n]*)"|`([^`]*)`', code)
    texts = [re.sub(r"\$\{[^}]*\}", "", double or template) for double, template in literals]
    spoken = [text for text in texts if re.match(r"[A-Z][a-z]+", text.strip())]
    assert set(spoken) <= TECHNICAL | NAMES | {", VideosDGX"}
