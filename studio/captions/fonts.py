"""Whether there are letters to draw captions with."""

from functools import cache
from pathlib import Path

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
"""Where fontconfig looks."""
_ENDINGS = (".ttf", ".otf", ".ttc")


@cache
def has_fonts(folders: tuple[str, ...] = _FOLDERS) -> bool:
    """Whether one font is installed."""
    return any(
        path.suffix.lower() in _ENDINGS for folder in folders for path in Path(folder).rglob("*")
    )
