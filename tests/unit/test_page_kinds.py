"""The page and the kinds of work: neither reaches into the other."""

import re
from pathlib import Path

import pytest

from tests.live import ROOT
from tests.unit.test_page_words import PAGE, VIDEO, table

TEXT = ROOT / "tests" / "kinds" / "text" / "page"
TRAINER = ROOT / "trainer" / "page"
STUDIO = ROOT / "studio" / "page"
LENT = {f"../{name}.js" for name in ("api", "dom", "language", "number", "problem", "words")}
"""Scripts of the page that a kind may import, as work.js says."""


def _imports(folder: Path) -> set[str]:
    scripts = "".join(path.read_text() for path in folder.glob("*.js"))
    return set(re.findall(r'\bfrom "([^"]+)"', scripts))


def _exports(script: str) -> set[str]:
    lists = re.findall(r"^export \{([^}]+)\}", script, flags=re.M)
    single = r"^export (?:async )?(?:function|const|\* as) (\w+)"
    return {*re.findall(single, script, flags=re.M), *re.findall(r"\w+", " ".join(lists))}


def _asked() -> dict[str, bool]:
    """What work.js asks for, and whether it does without."""
    block = (PAGE / "work.js").read_text().partition("export const {")[2]
    return {name: bool(default) for name, default in re.findall(r"^  (\w+)( = .*)?,$", block, re.M)}


@pytest.mark.parametrize("folder", [VIDEO, TEXT, TRAINER, STUDIO], ids=lambda one: one.parent.name)
def test_a_kind_imports_what_the_page_lends_and_exports_what_it_asks_for(folder: Path):
    own = {f"./{path.name}" for path in folder.glob("*.js")}
    assert _imports(folder) <= LENT | own
    exports, asked = _exports((folder / "kind.js").read_text()), _asked()
    assert exports <= asked.keys()
    assert {name for name, optional in asked.items() if not optional} <= exports


def test_what_a_kind_must_bring_is_little():
    required = {name for name, optional in _asked().items() if not optional}
    assert required == {"words", "first", "fields", "values", "fill"}
    assert len((TEXT / "kind.js").read_text().splitlines()) <= 40


def test_one_script_of_the_page_knows_that_there_are_kinds():
    named = [path.name for path in PAGE.glob("*.js") if "./kind/" in path.read_text()]
    assert named == ["work.js"]


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.[jc]s*")), ids=lambda path: path.name)
def test_the_page_speaks_of_no_kind(path: Path):
    words = r"video|vídeo|fps|frames|thumbnail|duration|resolution|seed|sound"
    assert re.findall(words, path.read_text(), flags=re.I) == []


@pytest.mark.parametrize("folder", [TRAINER, STUDIO], ids=lambda one: one.parent.name)
def test_a_kind_with_one_table_has_every_word_in_both_languages(folder: Path):
    english, portuguese = (folder / "words.js").read_text().split('"pt-BR": {')
    row = r'(?:^|[\s{])"?([\w.:-]+)"?: [{"]'
    keys = re.findall(row, english.partition("en: {")[2], re.M)
    assert len(keys) > 10
    assert re.findall(row, portuguese, re.M) == keys
    scripts = "".join(path.read_text() for path in folder.glob("*.js") if path.name != "words.js")
    said = set(re.findall(r'\bsay\("([^"]+)"', scripts))
    assert said <= {*keys, *table("words.en.js")}
