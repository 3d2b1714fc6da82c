"""API keys: how they are made, and the set of those that are good.

Only a key's SHA-256 is kept. A slow hash (bcrypt, Argon2) makes guessing dear, which passwords
need; nobody guesses 256 random bits, and a slow hash would be paid again at each request.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_urlsafe

from common.api.auth.caller import MAX_NAME_CHARS, Caller, Scope
from common.base.settings import SettingsError

_PREFIX = "vdgx_"
"""Lets people and scanners for secrets see what it is."""
_KEY_BYTES = 32
_HASH = "sha256:"
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{MAX_NAME_CHARS - 1}}}")
_LINE = "name scope sha256:<64 hex digits>"


def new_key() -> str:
    """A key that nobody guesses."""
    return _PREFIX + token_urlsafe(_KEY_BYTES)


def digest_of(key: str) -> str:
    """What is kept of a key, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def line_for(name: str, scope: Scope, key: str) -> str:
    """The line of a key file.

    Raises:
        ValueError: the name cannot be one.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a name has up to {MAX_NAME_CHARS} of A-Z a-z 0-9 . _ @ -, no spaces")
    return f"{name} {scope} {_HASH}{digest_of(key)}"


@dataclass(frozen=True)
class Entry:
    """One key: whose it is, and its digest in hex."""

    caller: Caller
    digest: str

    @property
    def id(self) -> str:
        """Names the key, and does not help to find it."""
        return self.digest[:16]


@dataclass(frozen=True)
class KeyRing:
    """The keys that are good. One name may have several, while one takes over from another."""

    entries: tuple[Entry, ...] = ()

    def find(self, key: str) -> Entry | None:
        """The entry of a key; takes as long whichever it is, and if it is none."""
        wanted = digest_of(key)
        found = None
        for entry in self.entries:
            if hmac.compare_digest(entry.digest, wanted):
                found = entry
        return found

    def by_id(self, key_id: str) -> Entry | None:
        """The entry that has this id."""
        return next((entry for entry in self.entries if entry.id == key_id), None)


def parse_keys(lines: Iterable[str], source: str) -> KeyRing:
    """Read ``name scope sha256:hash`` lines; empty ones and comments (#) count for nothing.

    Raises:
        SettingsError: naming the source and the line; never its text, which may hold a key.
    """
    entries: list[Entry] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        entry = _entry(text)
        if entry is None or any(entry.digest == other.digest for other in entries):
            what = f"is not `{_LINE}`" if entry is None else "repeats a key"
            raise SettingsError(
                f"{source}: line {number} {what}.",
                param=source,
                hint="python -m scripts.make_key NAME makes a key and its line.",
            )
        entries.append(entry)
    return KeyRing(tuple(entries))


def _entry(text: str) -> Entry | None:
    match text.split():
        case [name, ("user" | "admin") as scope, hashed]:
            good = re.fullmatch(rf"{_HASH}([0-9a-f]{{64}})", hashed)
            if good and _NAME.fullmatch(name):
                return Entry(Caller(name, scopes_of(scope)), good[1])
    return None


def scopes_of(scope: str) -> frozenset[Scope]:
    """What a scope's name brings; an admin is a user as well."""
    return frozenset(Scope) if scope == Scope.ADMIN else frozenset({Scope(scope)})
