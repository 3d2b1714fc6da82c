"""Whether the volumes of a service can be used now; if not, which one cannot, and why.

One thread looks, when it is asked, so that a volume that hangs holds up that thread and nobody
else: whoever asks gets an answer within `PATIENCE_SECONDS`.
"""

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from common.base.disk import disk_error, disk_named, storage_missing, storage_silent
from common.base.errors import StorageFull, StorageUnavailable
from common.base.settings import GIB, MIB, Settings
from common.publishing.ownership import read_identity, write_identity

logger = logging.getLogger("videosdgx.media")

PATIENCE_SECONDS = 2.0
"""A volume that keeps us waiting for longer does not answer."""
FRESH_SECONDS = 0.5
"""An answer that is younger is given again."""
WRITE_SECONDS = 10.0
"""Between two files that are written to see whether that works, while it does."""
_PROBE = ".probe"

Answer = StorageUnavailable | None
Look = Callable[["Volume", bool], None]


@dataclass(frozen=True)
class Volume:
    """One folder that jobs need. ``identity``: what its mark said when this process started."""

    name: str
    folder: Path
    reserve_bytes: float
    marked: bool = True
    identity: str | None = None


def look_at(volume: Volume, write: bool) -> None:
    """See whether a volume can be used; ``write``: by a small file, too.

    Raises:
        StorageFull: less is free than is kept free.
        StorageUnavailable: it is missing, another one, read-only, forbidden or broken.
    """
    with disk_named(volume.name):
        if volume.marked:
            _check_identity(volume)
        status = os.statvfs(volume.folder)
        if status.f_flag & os.ST_RDONLY:
            write = True  # its own error says it best
        if write:
            _write(volume.folder / _PROBE)
        _check_room(volume, status.f_bavail * status.f_frsize)


def _check_identity(volume: Volume) -> None:
    """A folder that was moved away, or whose mount is gone, must not be taken for an empty one."""
    if volume.identity is None or read_identity(volume.folder) != volume.identity:
        raise storage_missing(volume.name)


def _check_room(volume: Volume, free: int) -> None:
    if free < volume.reserve_bytes:
        reserve = volume.reserve_bytes / GIB
        raise StorageFull(
            f"The {volume.name} volume has {free / GIB:.1f} GB free, and {reserve:.3g} GB are "
            "kept free.",
            hint="Delete old jobs (DELETE /jobs/{id}), or free space on the volume.",
        )


def _write(probe: Path) -> None:
    """Create, fsync, unlink: what publishing needs. Other processes may do the same."""
    descriptor = os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, b"probe")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            probe.unlink()


class Volumes:
    """The volumes of one service. May be asked by any thread, and in the event loop."""

    def __init__(
        self,
        volumes: Sequence[Volume],
        look: Look = look_at,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._volumes = tuple(volumes)
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._answer: Future[Answer] | None = None
        self._asked_at = self._answered_at = self._written_at = float("-inf")
        self._anew = False
        self._looking_at = ""
        self._last: Answer = None
        threading.Thread(target=self._run, name="volumes", daemon=True).start()

    def unwell(self, *, anew: bool = False) -> Answer:
        """What is wrong now. Waits for it, `PATIENCE_SECONDS` at most.

        ``anew``: what was found a moment ago does not count.
        """
        answer = self._ask(anew)
        concurrent.futures.wait([answer], timeout=self._patience())
        return self._verdict(answer)

    async def now_unwell(self, *, anew: bool = False) -> Answer:
        """Like `unwell`, for the event loop."""
        answer = self._ask(anew)
        if not answer.done():
            await asyncio.wait({asyncio.wrap_future(answer)}, timeout=self._patience())
        return self._verdict(answer)

    def known_unwell(self) -> Answer:
        """What was wrong when it was looked at last, at once; another look is on its way."""
        last = self._last
        return self._verdict(self._ask(), last)

    def check(self) -> None:
        """Like `unwell`. Raises StorageFull, StorageUnavailable."""
        if (error := self.unwell()) is not None:
            raise error

    async def check_now(self, *, anew: bool = False) -> None:
        """Like `now_unwell`. Raises StorageFull, StorageUnavailable."""
        if (error := await self.now_unwell(anew=anew)) is not None:
            raise error

    def blamed(self, exc: OSError) -> StorageUnavailable | None:
        """The error of a disk, with the name of the volume that its file is on.

        A file that is missing from a volume that is there is no fault of the disk.
        """
        path = "" if isinstance(exc, FileNotFoundError) else str(exc.filename or "")
        ours = [one for one in self._volumes if path.startswith(str(one.folder))]
        names = [one.name for one in sorted(ours, key=lambda one: len(str(one.folder)))]
        return disk_error(exc, names[-1]) if names else None

    def _ask(self, anew: bool = False) -> Future[Answer]:
        """An answer, or the promise of one; all who ask meanwhile share it."""
        with self._lock:
            old, now = self._answer, self._clock()
            fresh = not anew and now - self._answered_at < FRESH_SECONDS
            if old is not None and (fresh or not old.done()):
                return old
            self._answer, self._asked_at = Future(), now
            self._anew = anew
            self._wanted.set()
            return self._answer

    def _patience(self) -> float:
        """Seconds until the volume that is looked at counts as silent."""
        return max(0.0, self._asked_at + PATIENCE_SECONDS - self._clock())

    def _verdict(self, answer: Future[Answer], meanwhile: Answer = None) -> Answer:
        if answer.done():
            return answer.result()
        return meanwhile if self._patience() > 0 else storage_silent(self._looking_at)

    def _run(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            answer, self._last = self._answer, self._look_at_all()
            self._answered_at = self._clock()
            assert answer is not None  # noqa: S101  # it was asked for
            answer.set_result(self._last)

    def _look_at_all(self) -> Answer:
        due = self._clock() - self._written_at >= WRITE_SECONDS
        write = due or self._anew or self._last is not None
        try:
            for volume in self._volumes:
                self._looking_at = volume.name
                self._look(volume, write)
        except StorageUnavailable as exc:
            return exc
        except Exception:  # an error without a name of ours is none the better for that
            logger.exception("the %s volume cannot be looked at", self._looking_at)
            return storage_silent(self._looking_at)
        if write:
            self._written_at = self._clock()
        return None


def mark_volumes(settings: Settings, model_id: str) -> None:
    """Make the folders of a service's state and mark them, at its start. Raises StorageFull."""
    state = settings.state_of(model_id)
    settings.inputs_of(model_id).mkdir(parents=True, exist_ok=True)
    if read_identity(state) is None:
        write_identity(state, token_hex(16))


def open_volumes(settings: Settings, model_id: str) -> Volumes:
    """The volumes of a service, as they are now; those that are not marked count as missing."""
    reserve = settings.min_free_disk_gb * GIB

    def marked(name: str, folder: Path) -> Volume:
        with contextlib.suppress(OSError):
            return Volume(name, folder, reserve, identity=read_identity(folder))
        return Volume(name, folder, reserve)

    return Volumes(
        (
            marked("state", settings.state_of(model_id)),
            Volume("uploads", settings.inputs_of(model_id), reserve, marked=False),
            marked("outputs", settings.outputs_of(model_id)),
            _temporary(settings),
        )
    )


def _temporary(settings: Settings) -> Volume:
    """Bodies are kept here while they are read. It may be small, and somebody else's."""
    room = settings.max_body_mb * MIB if settings.min_free_disk_gb else 0
    return Volume("temporary", Path(tempfile.gettempdir()), room, marked=False)
