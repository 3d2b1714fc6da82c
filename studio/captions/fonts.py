"""The letters that are installed: whether there are any, and in which font those of a text are.

fontconfig decides, as it does for the captions that libass draws.
"""

import subprocess
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from common.base.bounded_child import bare_environment
from common.base.logs import get_logger

log = get_logger("studio")

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
"""Where fontconfig looks."""
_ENDINGS = (".ttf", ".otf", ".ttc")
_WISHED = "DejaVu Sans,Noto Sans,Liberation Sans,sans-serif:bold"
"""The first of these that has as many of the letters as any other font."""
_ANSWER = "%{scalable}\t%{color}\t%{index}\t%{file}\t%{charset}\n"
_SECONDS = 30.0
"""Where its cache has to be made first. It takes 0.05 s else."""


@dataclass(frozen=True)
class Face:
    """A font of a file, and the letters of a text that it does not have."""

    path: Path
    index: int
    missing: frozenset[str]


@cache
def has_fonts(folders: tuple[str, ...] = _FOLDERS) -> bool:
    """Whether one font is installed."""
    return any(
        path.suffix.lower() in _ENDINGS for folder in folders for path in Path(folder).rglob("*")
    )


def face_for(text: str) -> Face | None:
    """The font that has the most of a text's letters; None where fontconfig names none."""
    try:
        return _face_with(frozenset(filter(_is_drawn, text)))
    except (OSError, subprocess.SubprocessError) as exc:
        log.warning("fontconfig does not answer", extra={"reason": repr(exc)})
        return None


def _is_drawn(letter: str) -> bool:
    """Not spaces, controls and what only joins others or chooses their form."""
    chooses = "\ufe00" <= letter <= "\ufe0f"
    return not (chooses or letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf"))


@lru_cache(maxsize=256)
def _face_with(letters: frozenset[str]) -> Face | None:
    wished = f"{_WISHED}:charset={' '.join(f'{ord(letter):x}' for letter in sorted(letters))}"
    command = ["fc-match", "--sort", "--format", _ANSWER, wished]
    answer = subprocess.run(
        command,
        capture_output=True,
        check=True,
        text=True,
        timeout=_SECONDS,
        env=bare_environment(),
    )
    return next(_faces(answer.stdout.splitlines(), letters), None)


def _faces(lines: Iterable[str], letters: frozenset[str]) -> Iterator[Face]:
    """Those that can be drawn in any size and colour, the best first."""
    for line in lines:
        scalable, colour, index, path, charset = line.split("\t")
        if (scalable, colour) == ("True", "False"):
            spans = [span.partition("-") for span in charset.split()]
            known = [(int(first, 16), int(last or first, 16)) for first, _, last in spans]
            missing = {one for one in letters if not any(a <= ord(one) <= b for a, b in known)}
            yield Face(Path(path), int(index), frozenset(missing))
