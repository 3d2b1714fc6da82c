"""The cookie of a browser that has shown its key: it names the key, and does not hold it."""

import hashlib
import hmac
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from secrets import token_bytes, token_hex

from common.api.auth.ended_sessions import EndedSessions
from common.api.auth.keys import Entry, KeyRing

SECRET_BYTES = 32


@dataclass(frozen=True)
class Sessions:
    """Writes and reads cookies of the form ``id.expires.nonce.mac``.

    The MAC covers the key's whole digest: with the key, all its cookies die. Signed with a secret
    of this machine's state folder, so that whoever reads the key file cannot make cookies of it.
    Of a cookie nothing is kept until it is given back; the nonce tells those of one second apart.
    """

    secret_file: Path
    lifetime_seconds: float
    clock: Callable[[], float] = time.time

    @cached_property
    def ended(self) -> EndedSessions:
        """Those that were given back."""
        return EndedSessions(self.secret_file.with_name("ended_sessions"))

    def issue(self, entry: Entry) -> str:
        """A cookie for whoever has shown this key."""
        named = f"{entry.id}.{int(self.clock() + self.lifetime_seconds)}.{token_hex(8)}"
        return f"{named}.{self._mac(entry, named)}"

    def entry(self, cookie: str, ring: KeyRing) -> Entry | None:
        """The key that a cookie stands for; None where it is none of ours, or no longer good."""
        parts = cookie.split(".")
        if len(parts) != 4 or not (parts[1].isascii() and parts[1].isdecimal()):
            return None
        entry = ring.by_id(parts[0])
        if entry is None or int(parts[1][:18]) <= self.clock():
            return None
        mac = self._mac(entry, ".".join(parts[:3]))
        good = hmac.compare_digest(mac.encode(), parts[3].encode())
        return entry if good and cookie not in self.ended else None

    def end(self, cookie: str, ring: KeyRing) -> None:
        """It is good no more, wherever a copy may be. Waits for the disk; raises OSError."""
        entry = self.entry(cookie, ring)
        if entry is not None:
            self.ended.add(entry.id, int(cookie.split(".")[1]), cookie, self.clock())

    def _mac(self, entry: Entry, named: str) -> str:
        text = f"session.{entry.digest}.{named}".encode()
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
