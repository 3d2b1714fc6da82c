"""Keys from a file that may change while the service runs."""

from pathlib import Path

from common.api.auth.keys import KeyRing, parse_keys
from common.base.logs import get_logger
from common.base.settings import SettingsError

log = get_logger("auth")

_NAME = "API_KEYS_FILE"
_Stamp = tuple[int, int, int]


class KeyFile:
    """The keys in a file, read again when it has changed.

    A file that is damaged or gone while the service runs changes nothing: the keys of before stay
    good, and the log says so once.
    """

    def __init__(self, path: Path) -> None:
        """Raises SettingsError: it cannot be read, or a line is wrong."""
        self._path = path
        self._stamp = self._look()
        self._ring = self._read()

    def ring(self) -> KeyRing:
        """The keys that are good now; costs one stat()."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._renew()
        return self._ring

    def _renew(self) -> None:
        try:
            self._ring = self._read()
            log.info("keys read anew", extra={"keys": len(self._ring.entries)})
        except SettingsError as exc:
            log.error("the keys of before stay: %s", exc.body.message)

    def _look(self) -> _Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> KeyRing:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(
                f"{_NAME}: {self._path} cannot be read as text.",
                param=_NAME,
                hint="Leave it empty to have no keys; `make setup` makes secrets/api_keys.",
            ) from exc
        return parse_keys(text.splitlines(), _NAME)
