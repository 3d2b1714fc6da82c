"""The cookie of a browser that has shown its key: it names the key, and does not hold it."""

import hashlib
import hmac
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes, token_hex

from common.auth.keys import Entry, KeyRing

SECRET_BYTES = 32


@dataclass(frozen=True)
class Sessions:
    """Writes and reads cookies of the form ``id.expires.mac``.

    The MAC covers the key's whole digest: with the key, all its cookies die. Signed with a secret
    of this machine's state folder, so that whoever reads the key file cannot make cookies of it.
    Nothing is kept of a cookie; HMAC-SHA256 of the standard library does for three short fields.
    """

    secret_file: Path
    lifetime_seconds: float
    clock: Callable[[], float] = time.time

    def issue(self, entry: Entry) -> str:
        """A cookie for whoever has shown this key."""
        expires = int(self.clock() + self.lifetime_seconds)
        return f"{entry.id}.{expires}.{self._mac(entry, expires)}"

    def entry(self, cookie: str, ring: KeyRing) -> Entry | None:
        """The key that a cookie stands for; None where it is none of ours, or no longer good."""
        parts = cookie.split(".")
        if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdecimal()):
            return None
        entry, expires = ring.by_id(parts[0]), int(parts[1][:18])
        if entry is None or expires <= self.clock():
            return None
        good = hmac.compare_digest(self._mac(entry, expires).encode(), parts[2].encode())
        return entry if good else None

    def _mac(self, entry: Entry, expires: int) -> str:
        text = f"session.{entry.digest}.{expires}".encode()
        return hmac.new(secret_in(self.secret_file), text, hashlib.sha256).hexdigest()


def secret_in(path: Path) -> bytes:
    """The secret of a file, which is made where there is none. Services that share it may race."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    trial = path.with_name(f".{path.name}.{token_hex(8)}")
    descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())  # an empty one after a power cut would be no secret
    with suppress(FileExistsError):  # another service was first; unlike rename, link says so
        path.hardlink_to(trial)
    trial.unlink()
    return path.read_bytes()
