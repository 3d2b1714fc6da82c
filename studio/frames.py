"""Frames of finished videos, as the pictures of one request."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from common.base.errors import EncodingFailed, FileGone, InvalidRequest
from common.contract.work import Finished
from common.media.video.chain import Take
from common.media.video.header import Track
from common.media.video.reader import SECONDS
from common.media.video.still import frame_as_png
from studio.bounds import Bounds
from studio.looking import look_at_video
from studio.sources import Facts, Form, JobFile, JobPicture
from studio.spool import Spool

ALL_SECONDS = 120.0
"""Within which all frames of a request are decoded: others wait for their turn meanwhile."""
_ENDINGS = frozenset({".mp4", ".webm"})


def is_video(finished: Finished) -> bool:
    """Whether one of its frames is the picture."""
    return finished.path.suffix in _ENDINGS


class Frames:
    """Those of one request. Several threads may draw them."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds, self._clock = bounds, clock
        self._until: float | None = None
        self._videos: dict[Path, tuple[Facts, Track]] = {}
        self._looking = Lock()
        self._spool = Spool()

    def picture(self, finished: Finished, source: JobFile) -> tuple[BinaryIO, Facts]:
        """A frame as a PNG, which waits on disk, and what it is.

        Raises:
            InvalidRequest: the video has no such frame, it is too large, takes too long to decode
                or cannot be read any more; or all frames together take too long or too much.
            FileGone: it is not there.
            StorageFull, StorageUnavailable: the temporary folder.
            Stopping, NoThreads: it was not read.
        """
        try:
            png, facts = self._drawn(finished.path, source, min(SECONDS, self._left()))
        except FileNotFoundError as exc:
            raise FileGone("Its file is no longer on disk.", hint="Make it again.") from exc
        except EncodingFailed as exc:
            raise InvalidRequest(
                f"The video of job {finished.job_id} cannot be read any more.",
                hint="Make it again.",
            ) from exc
        return self._kept(png), facts

    def _drawn(self, path: Path, source: JobFile, seconds: float) -> tuple[bytes, Facts]:
        facts, track = self._video(path)
        take = Take(facts.fps, 1, facts.width, facts.height, _index(facts, source))
        try:
            png = frame_as_png(path, take, track, seconds)
        except InvalidRequest as exc:
            raise InvalidRequest(exc.body.message, hint="Send the frame as a picture.") from exc
        return png, Facts(form=Form.PICTURE, format="png", width=take.width, height=take.height)

    def _left(self) -> float:
        """Seconds, from the first frame on."""
        now = self._clock()
        self._until = self._until or now + ALL_SECONDS
        if (left := self._until - now) <= 0:
            raise InvalidRequest(
                f"The frames of videos take more than {ALL_SECONDS:g} seconds to decode.",
                hint="Name fewer of them at once, or send them as pictures.",
            )
        return left

    def _video(self, path: Path) -> tuple[Facts, Track]:
        """Looked at once, however many of its frames are wanted at the same time."""
        with self._looking:
            if path not in self._videos:
                self._videos[path] = self._looked_at(path)
            return self._videos[path]

    def _looked_at(self, path: Path) -> tuple[Facts, Track]:
        with path.open("rb") as file:
            facts, track = look_at_video(file, self._bounds)
        most = self._bounds.max_picture_pixels
        if facts.width * facts.height > most:
            raise InvalidRequest(
                f"A frame of the video has more than {most:,} pixels.",
                hint="Take a smaller video. MAX_IMAGE_PIXELS sets the limit.",
            )
        return facts, track

    def _kept(self, png: bytes) -> BinaryIO:
        most = self._bounds.max_bytes
        if self._spool.size + len(png) > most:
            raise InvalidRequest(
                f"The frames of videos have more than {most / 1e6:,.0f} MB together.",
                hint="Name fewer of them at once. FETCH_MAX_MB sets the limit.",
            )
        return self._spool.add(png)


def _index(facts: Facts, source: JobFile) -> int:
    """Of the frame. Raises InvalidRequest: there is no such one."""
    asked = source.frame if isinstance(source, JobPicture) else -1
    number = round(facts.seconds * facts.fps)
    index = asked if asked >= 0 else number + asked
    if not 0 <= index < number:
        raise InvalidRequest(
            f"frame is {asked}: the video has {number} frames.",
            hint=f"Ask for 0 to {number - 1}, or -1 for the last.",
        )
    return index
