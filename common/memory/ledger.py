"""The ledger: a folder on the state volume that all services of a machine share.

``<model>.lock`` is held by a worker for as long as it lives: the kernel lets go of it at any death,
in any container. ``<model>.json`` beside it is the worker's lease, written by that worker alone.
``<model>.evict`` asks it to make room. Decisions are taken under ``arbiter.lock``.

On a full disk no file can be replaced, but the times of those that are there can be set: they then
bear monotonic ones, which no wall clock shows.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from math import inf
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from common.memory.gate import Gate
from common.memory.pool import Lease

SETTLE_SECONDS = 5.0
"""For so long what has left the ledger is expected to show up as free."""


class Departure(BaseModel):
    """Memory of a process that has ended, on its way back to the pool."""

    model_config = ConfigDict(frozen=True)

    held_bytes: int
    at: float
    available_bytes: int
    """What was available when its end was noticed."""


class Eviction(BaseModel):
    """A wish that a worker makes room."""

    model_config = ConfigDict(frozen=True)

    by: str
    pid: int
    at: float


class Shot(BaseModel):
    """The watchdog's last victim, for all to see."""

    model_config = ConfigDict(frozen=True)

    model: str
    at: float
    available_bytes: int


_DEPARTURES = TypeAdapter(tuple[Departure, ...])


class Ledger:
    """Reads and writes the folder. One object a process."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._gate = Gate(folder / "arbiter.lock")
        self._seat: int | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Nobody else decides meanwhile. See ``Gate``."""
        with self._gate.held():
            yield

    def join(self, lease: Lease) -> None:
        """Take this model's place until this process ends; its predecessor's lease is gone."""
        with (self._folder / f"{lease.model}.lock").open("a") as file:
            self._seat = os.dup(file.fileno())  # never closed: death does it
        flock(self._seat, LOCK_EX)
        self.spare(lease.model)
        self.write(lease)

    def leases(self) -> tuple[Lease, ...]:
        """The leases of all living workers, by model."""
        paths = sorted(self._folder.glob("*.json"))
        return tuple(lease for path in paths if (lease := self._living(path)))

    def write(self, lease: Lease) -> None:
        """Replace a lease; readers see the old one or the new one."""
        self._replace(f"{lease.model}.json", lease.model_dump_json())

    def show_life(self, model: str, beat: float) -> None:
        """A beat of whom `write` failed: its lease is an old one. Raises OSError."""
        self._touch(f"{model}.json", beat)

    # Deaths: only while deciding

    def bury(self, available_bytes: int) -> None:
        """Remove the leases of the dead, and note what they will give back."""
        now, dead = self._clock(), []
        for path in self._folder.glob("*.json"):
            lease = _read(path)
            if lease is not None and not self._lives(path):
                path.unlink(missing_ok=True)
                dead.append(
                    Departure(held_bytes=lease.gift_bytes, at=now, available_bytes=available_bytes)
                )
        if dead:
            self._write_departures((*self._departures(), *dead))

    def coming_bytes(self, available_bytes: int) -> int:
        """What the recently dead still owe: counted until it is back, or given up as lost."""
        gone = self._departures()
        if not gone:
            return 0
        back = max(0, available_bytes - gone[0].available_bytes)  # since the first of them
        return max(0, sum(departure.held_bytes for departure in gone) - back)

    # Evictions

    def evict(self, lease: Lease, by: str) -> None:
        """Ask a model's worker to make room; asking again changes nothing."""
        if self.eviction(lease.model) is None:
            asked = Eviction(by=by, pid=lease.pid, at=self._clock())
            self._replace(f"{lease.model}.evict", asked.model_dump_json())

    def eviction(self, model: str) -> Eviction | None:
        """What this model's worker has been asked."""
        try:
            return Eviction.model_validate_json((self._folder / f"{model}.evict").read_bytes())
        except (OSError, ValidationError):
            return None

    def evicted(self, model: str, pid: int) -> bool:
        """Whether this worker has been asked to make room."""
        asked = self.eviction(model)
        return asked is not None and asked.pid == pid

    def spare(self, model: str) -> None:
        """Take back a wish for room."""
        (self._folder / f"{model}.evict").unlink(missing_ok=True)

    # Shots: only while deciding

    def note_shot(self, shot: Shot) -> None:
        """Remember the watchdog's last shot, or at least when it was. Raises OSError."""
        try:
            self._replace("shot", shot.model_dump_json())
        except OSError:
            self._touch("shot", shot.at)

    def last_shot(self) -> float:
        """When the last one was; before all times where nobody can tell."""
        path = self._folder / "shot"
        try:  # after a power cut it may be empty
            noted = Shot.model_validate_json(path.read_bytes()).at
        except (OSError, ValidationError):
            noted = -inf
        return max(noted, self._touched(path))

    # Machinery

    def _living(self, path: Path) -> Lease | None:
        lease = _read(path)
        if lease is None or not self._lives(path):
            return None
        return lease.model_copy(update={"beat": max(lease.beat, self._touched(path))})

    def _lives(self, path: Path) -> bool:
        """Whether the writer of a lease is alive: then its lock cannot be had."""
        try:
            descriptor = os.open(path.with_suffix(".lock"), os.O_RDONLY)
        except OSError:
            return False
        try:
            flock(descriptor, LOCK_SH | LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _departures(self) -> tuple[Departure, ...]:
        try:
            found = _DEPARTURES.validate_json((self._folder / "departures").read_bytes())
        except (OSError, ValidationError):
            return ()
        return tuple(gone for gone in found if 0 <= self._clock() - gone.at < SETTLE_SECONDS)

    def _write_departures(self, departures: tuple[Departure, ...]) -> None:
        self._replace("departures", _DEPARTURES.dump_json(departures).decode())

    def _touch(self, name: str, at: float) -> None:
        path = self._folder / name
        path.touch()
        os.utime(path, (at, at))

    def _touched(self, path: Path) -> float:
        """What ``_touch`` was told last, where nobody has written the file since."""
        with contextlib.suppress(OSError):
            at = path.stat().st_mtime
            return at if at <= self._clock() else -inf  # the wall clock's is far ahead
        return -inf

    def _replace(self, name: str, text: str) -> None:
        """Write whole or not at all. No fsync: after a power cut nobody holds anything."""
        draft = self._folder / f".{name}.{os.getpid()}"
        draft.write_text(text, encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            draft.replace(self._folder / name)


def _read(path: Path) -> Lease | None:
    try:
        return Lease.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
