"""Cleans captions as those that MAGI-1 was trained on: text scraped from web pages.

The rules and their order are those of SandAI-org/MAGI-1, inference/model/t5/t5_model.py, which
are DeepFloyd IF's. They are run twice over. What they do to prompts: lower case, no Chinese
characters or kana extensions, no URLs, hashtags of numbers, file names or sizes as in 1024x576,
no brackets or slashes; and more than three hyphens or underscores become spaces.

Markup is read by the standard library's parser, where the original has BeautifulSoup on top of
that very parser; they agree on well-formed text.
"""

import html
import re
from collections.abc import Iterable
from html.entities import html5
from html.parser import HTMLParser
from urllib.parse import unquote_plus

import ftfy

Rule = tuple[re.Pattern[str], str]

_SITE = r"[a-z\d.\-]+\.(?:com|co|ru|net|org|edu|gov|it)[\w/-]*\b/?(?!@)"
_FILE_TYPES = "png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4"
_DASHES = (
    "-\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0"
    "\ufe31\ufe32\ufe58\ufe63\uff0d"
)


def _rules(pairs: Iterable[tuple[str, str]]) -> tuple[Rule, ...]:
    # The original's classes are ASCII where it writes them out, and Unicode where it has \w or \d.
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


_LINKS = _rules(
    [
        ("<person>", "person"),
        (rf"\b(?:https?:(?:/{{1,3}}|[a-z0-9%])|{_SITE})", ""),
        (rf"\b(?:www:(?:/{{1,3}}|[a-z0-9%])|{_SITE})", ""),
    ]
)

_SYMBOLS = _rules(
    [
        (r"@\w+\b", ""),  # nicknames
        ("[\u31c0-\u9fff]+", ""),  # CJK strokes to unified ideographs, kana extensions
        (f"[{_DASHES}]+", "-"),
        ("[`\u00b4«»“”¨]", '"'),
        ("[\u2018\u2019]", "'"),
        ("&quot;?", ""),
        ("&amp", ""),
        (r"\d{1,3}(?:\.\d{1,3}){3}", " "),  # IP addresses
        (r"\d:\d\d\s+$", ""),  # the end of an article's number
        (r"\\n", " "),  # a line break that was written out
        (r"#(?:\d{1,3}|\d{5,})\b", ""),
        (r"\b\d{6,}\b", ""),
        (rf"\S+\.(?:{_FILE_TYPES})", ""),
        ("[\"']{2,}", '"'),
        (r"\.{2,}", " "),
        (r"[#®•©™&@·º½¾¿¡§~()\[\]{}|\\/*]+", " "),
        (r"\s+\.\s+", " "),
    ]
)

_SHOP_TALK = _rules(
    [
        (r"\b[a-zA-Z]{1,3}\d{3,15}\b", ""),  # article numbers: jc6640
        (r"\b[a-zA-Z]+\d+[a-zA-Z]+\b", ""),  # jc6640vc
        (r"\b\d+[a-zA-Z]+\d+\b", ""),  # 6640vc231
        (r"(?:worldwide\s+)?(?:free\s+)?shipping", ""),
        (r"(?:free\s)?download(?:\sfree)?", ""),
        (r"\bclick\b\s(?:for|on)\s\w+", ""),
        (rf"\b(?:{_FILE_TYPES})(?:\simages?)?", ""),
        (r"\bpage\s+\d+\b", ""),
        (r"\b\d*[a-zA-Z]+\d+[a-zA-Z]+\d+[a-zA-Z\d]*\b", " "),
        (
            r"\b\d+\.?\d*[x\u0445\u00d7]\d+\.?\d*\b",
            "",
        ),  # sizes, by x, Cyrillic x or cross
        (r"\b\s+:\s+", ": "),
        (r"(\D[,./])\b", r"\1 "),
        (r"\s+", " "),
        (r"^[\"']([\w\W]+)[\"']$", r"\1"),
        (r"^['_,\-:;]", ""),
        (r"['_,\-:+]$", ""),
        (r"^\.\S+$", ""),
    ]
)

_JOINED_WORDS = re.compile("[-_]")
_MAX_JOINED_WORDS = 3


def clean_caption(caption: str) -> str:
    """The caption as the text encoder wants it; may be empty."""
    return _cleaned(_cleaned(caption))


def _cleaned(caption: str) -> str:
    caption = _replaced(unquote_plus(caption).strip().lower(), _LINKS)
    caption = _replaced(_text_of(caption), _SYMBOLS)
    if len(_JOINED_WORDS.findall(caption)) > _MAX_JOINED_WORDS:
        caption = _JOINED_WORDS.sub(" ", caption)
    caption = html.unescape(html.unescape(ftfy.fix_text(caption))).strip()
    return _replaced(caption, _SHOP_TALK).strip()


def _replaced(caption: str, rules: Iterable[Rule]) -> str:
    for pattern, replacement in rules:
        caption = pattern.sub(replacement, caption)
    return caption


class _Text(HTMLParser):
    """Collects what a page shows: no tags, comments, scripts or styles."""

    _HIDDEN = ("script", "style", "template")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in self._HIDDEN

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._HIDDEN and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)

    def handle_charref(self, name: str) -> None:
        self.handle_data(html.unescape(f"&#{name};"))

    def handle_entityref(self, name: str) -> None:
        self.handle_data(html5.get(f"{name};", f"&{name}"))


def _text_of(markup: str) -> str:
    parser = _Text()
    parser.feed(markup)
    parser.close()
    return "".join(parser.pieces)
