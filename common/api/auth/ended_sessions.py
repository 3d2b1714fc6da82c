"""Cookies that their browsers gave back: a short list beside the secret that signed them.

All services that share the secret share the list, since a browser sends one cookie to all of them.
A line is the key's id, the second at which the cookie would have expired, and the cookie's digest.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from common.base.durable import fsync

KEPT_OF_A_KEY = 1000
"""Of one key the oldest beyond that are forgotten: only whoever has that very key can do this."""
_Stamp = tuple[int, int, int]
_Line = tuple[str, int, str]


@dataclass
class EndedSessions:
    """The list in a file. Whoever asks reads what has changed, at the cost of one stat()."""

    path: Path
    _stamp: _Stamp | None = None
    _digests: frozenset[str] = field(default_factory=frozenset)

    def __contains__(self, cookie: str) -> bool:
        """Whether a cookie was given back."""
        stamp = self._look()
        if stamp != self._stamp:
            self._digests = frozenset(digest for *_, digest in self._read())
            self._stamp = stamp
        return bool(self._digests) and _digest(cookie) in self._digests

    def add(self, key_id: str, expires: int, cookie: str, now: float) -> None:
        """End a good cookie, and forget those that have expired. Waits for the disk.

        Raises:
            OSError: it cannot be written; then the cookie is good as before.
        """
        with self.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lines = [line for line in self._read() if line[1] > now]
            others = [line for line in lines if line[0] != key_id]
            own = sorted((line for line in lines if line[0] == key_id), key=lambda line: line[1])
            self._write([*others, *own[1 - KEPT_OF_A_KEY :], (key_id, expires, _digest(cookie))])

    def _look(self) -> _Stamp | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> list[_Line]:
        try:
            text = self.path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return []
        parts = [line.split() for line in text.splitlines()]
        return [(one[0], int(one[1]), one[2]) for one in parts if len(one) == 3 and _is_whole(one)]

    def _write(self, lines: Iterable[_Line]) -> None:
        draft = self.path.with_name(f".{self.path.name}.{token_hex(8)}")
        with draft.open("x", encoding="ascii") as file:
            file.writelines(f"{key_id} {expires} {digest}\n" for key_id, expires, digest in lines)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not bring a cookie back
        draft.replace(self.path)
        fsync(self.path.parent)


def _is_whole(parts: list[str]) -> bool:
    return parts[1].isascii() and parts[1].isdecimal() and len(parts[1]) <= 18


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
