"""One live service of a name on one PostgreSQL: two would take each other's jobs.

The name is a lock of a session: it is there for as long as its connection, and goes with a process
however that ends. On SQLite the locks in the state folder do the same.
"""

import time
from collections.abc import Callable
from secrets import token_hex

from sqlalchemy import Connection, NullPool, text

from common.base.errors import StoreUnavailable
from common.base.locks import NameTaken
from common.base.logs import get_logger
from common.jobs.database import translated_errors
from common.jobs.postgres import DEAD_AFTER_SECONDS, open_postgres

log = get_logger("api")

PATIENCE_SECONDS = DEAD_AFTER_SECONDS + 4.0
"""The name of a machine that died is free after that; that of a killed process is at once."""
POLL_SECONDS = 0.2

_TAKE = text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))")
_STILL_THERE = text("SELECT 1")
_END_MY_OLD_SESSIONS = text(
    "SELECT pg_terminate_backend(pid, 500) FROM pg_stat_activity"
    " WHERE application_name = :me AND pid <> pg_backend_pid()"
)
"""A session whose connection was lost may live on over there, with the lock. It is waited for, in
milliseconds: shorter than any statement may take."""


class NameLock:
    """The right to be the service of this name. For one thread at a time.

    ``taken``: somebody else has it.
    """

    def __init__(
        self,
        url: str,
        model: str,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.taken = False
        self._key = f"videosdgx {model} {name}"
        self._clock, self._pause = clock, pause
        self._me = f"videosdgx {token_hex(16)}"
        options = {"connect_args": {"application_name": self._me}, "isolation_level": "AUTOCOMMIT"}
        self._engine = open_postgres(url, NullPool, **options)
        self._session: Connection | None = None

    def take(self, patience: float = PATIENCE_SECONDS) -> None:
        """Take the name, at a start.

        Raises:
            NameTaken: another service still has it after ``patience`` seconds.
            StoreUnavailable: the database does not answer.
        """
        give_up = self._clock() + patience
        while not self._try():
            if not self.taken:
                words = "the name %s is taken; waiting up to %.0f s for its session to end"
                log.warning(words, self.name, patience)
            self.taken = True
            if self._clock() > give_up:
                raise self.refusal()
            self._pause(POLL_SECONDS)
        self.taken = False

    def check(self) -> bool:
        """Whether it is ours: a lost connection is made again, and the name taken again.

        Raises:
            StoreUnavailable: nobody can say; ``taken`` stays as it was.
        """
        self.taken = not (self._lives() or self._try())
        return not self.taken

    def refusal(self) -> NameTaken:
        """Why this service does not work."""
        return NameTaken(
            f"Another service with the name {self.name} works on this database.",
            hint="Stop it, or give this one a WORKER_NAME of its own.",
        )

    def close(self) -> None:
        """Let go of the name."""
        self._drop()
        self._engine.dispose()

    def _lives(self) -> bool:
        if self.taken or self._session is None:
            return False
        try:
            with translated_errors():
                self._session.execute(_STILL_THERE)
        except StoreUnavailable:
            self._drop()
            return False
        return True

    def _try(self) -> bool:
        try:
            with translated_errors():
                self._session = self._session or self._engine.connect()
                self._session.execute(_END_MY_OLD_SESSIONS, {"me": self._me}).all()
                return bool(self._session.execute(_TAKE, {"key": self._key}).scalar_one())
        except StoreUnavailable:
            self._drop()
            raise

    def _drop(self) -> None:
        """Close the session as it is: nothing is asked of a server that may be silent."""
        if self._session is not None:
            self._session.invalidate()
            self._session = None
