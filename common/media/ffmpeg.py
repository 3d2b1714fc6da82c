"""One ffmpeg child process: fed through a pipe, listened to, waited for, ended."""

import contextlib
import fcntl
import logging
import os
import queue
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from imageio_ffmpeg import get_ffmpeg_exe

from common.base.bounded_child import bare_environment
from common.base.disk import says_full, storage_full
from common.base.errors import EncodingFailed, VideosDGXError
from common.base.limits import held
from common.base.threads import no_threads_left
from common.media.codecs import GPU_NAMES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger("videosdgx.media")

POLL_SECONDS = 0.2
"""How often a wait for ffmpeg calls back, so that a job can be left during it."""

_PIPE_BYTES = 1024 * 1024
"""The most an unprivileged process may ask for; 64 KiB costs 16 times the wake-ups."""
_QUEUED_CHUNKS = 1
"""One chunk waits while one is written: more would only hold more memory."""
_LINES_KEPT = 40
_PROGRESS_TAIL_BYTES = 4096


class FfmpegChild:
    """A running ffmpeg that reads raw data from its standard input.

    It never outlives its parent for long: when the parent dies, the pipe ends and so does the
    input. It has its own process group, so that a signal to the worker's group does not cut
    short a video that the worker is allowed to finish. ``limits`` hold it, by the resources of
    setrlimit(2).

    Raises:
        EncodingFailed: ffmpeg is missing or cannot be started.
        NoThreads: the machine has no room for another process.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        descriptors: Sequence[int] = (),
        limits: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self._progress = os.memfd_create("ffmpeg-progress")
        try:
            self._process = self._start(arguments, descriptors, limits)
        except (OSError, RuntimeError) as exc:
            os.close(self._progress)
            unstarted = EncodingFailed("The video encoder could not be started.")
            raise no_threads_left(exc) or unstarted from exc
        self._tail: deque[bytes] = deque(maxlen=_LINES_KEPT)
        self._listener = threading.Thread(target=self._listen, name="ffmpeg-log", daemon=True)
        self._listener.start()
        with contextlib.suppress(OSError):  # a smaller pipe is slower, nothing else
            fcntl.fcntl(self._input, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def _start(
        self, arguments: Sequence[str], descriptors: Sequence[int], limits: Mapping[int, int]
    ) -> "subprocess.Popen[bytes]":
        quiet = ["-y", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"]
        command = [get_ffmpeg_exe(), *quiet, "-progress", "pipe:1", *arguments]
        return subprocess.Popen(
            held(command, limits),
            stdin=subprocess.PIPE,
            stdout=self._progress,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=tuple(descriptors),
            env=bare_environment(*GPU_NAMES),
            process_group=0,
        )

    @property
    def _input(self) -> int:
        assert self._process.stdin is not None  # noqa: S101  (for the type checker)
        return self._process.stdin.fileno()

    def _listen(self) -> None:
        """Keep the last lines. Must always run: a full stderr pipe would stop ffmpeg."""
        assert self._process.stderr is not None  # noqa: S101  (for the type checker)
        self._tail.extend(self._process.stderr)

    def write(self, data: memoryview) -> None:
        """Write all of ``data``, waiting for ffmpeg to read it.

        Raises:
            BrokenPipeError: ffmpeg is gone.
        """
        while data:
            data = data[os.write(self._input, data) :]

    def close_input(self) -> None:
        """Tell ffmpeg that this was all."""
        assert self._process.stdin is not None  # noqa: S101  (for the type checker)
        self._process.stdin.close()

    def wait(self, on_wait: Callable[[], None]) -> int:
        """Wait for the end and return the exit status; ``on_wait`` is called meanwhile."""
        # The log ends with the process, and joining a thread wakes at once: Popen.wait with a
        # timeout sleeps up to 50 ms too long.
        while self._listener.is_alive():
            self._listener.join(POLL_SECONDS)
            if self._listener.is_alive():
                on_wait()
        return self._process.wait()

    def frames_encoded(self) -> int:
        """Frames that ffmpeg says it wrote, after its end."""
        return self._said_last(rb"^frame=\s*(\d+)")

    def seconds_done(self) -> float:
        """Of what it writes, by now."""
        return self._said_last(rb"^out_time_us=\s*(\d+)") / 1e6

    def _said_last(self, pattern: bytes) -> int:
        size = os.fstat(self._progress).st_size
        offset = max(0, size - _PROGRESS_TAIL_BYTES)
        tail = os.pread(self._progress, _PROGRESS_TAIL_BYTES, offset)
        values = re.findall(pattern, tail, re.MULTILINE)
        return int(values[-1]) if values else 0

    def words(self) -> list[str]:
        """The last lines of its log, after its end."""
        return [line.decode(errors="replace").strip() for line in self._tail]

    def failure(self) -> VideosDGXError:
        """Put ffmpeg's last words in the log, and return what the client is told."""
        words = "\n".join(self.words())
        logger.error("ffmpeg ended with status %s: %s", self._process.returncode, words)
        if says_full(words):
            return storage_full()
        return EncodingFailed("The video encoder failed.")

    def kill(self) -> None:
        """End it now and reap it. Does nothing to a process that has ended."""
        self._process.kill()
        self._listener.join()
        self._process.wait()

    def close(self) -> None:
        """Let go of the descriptors, after the end."""
        for stream in (self._process.stdin, self._process.stderr):
            if stream is not None:
                stream.close()
        os.close(self._progress)


class FrameWriter:
    """Writes chunks to ffmpeg from a thread, so that the next one is decoded meanwhile."""

    def __init__(self, child: FfmpegChild) -> None:
        self._child = child
        self._chunks: queue.Queue[NDArray[np.uint8] | None] = queue.Queue(_QUEUED_CHUNKS)
        self._thread = threading.Thread(target=self._run, name="ffmpeg-frames", daemon=True)
        self.broken = False
        """ffmpeg went away before it had read everything."""
        self._ended = False
        self._thread.start()

    def put(self, chunk: "NDArray[np.uint8]", on_wait: Callable[[], None]) -> None:
        """Hand over a C-contiguous chunk; ``on_wait`` is called while ffmpeg is behind."""
        self._put(chunk, on_wait)

    def _put(self, item: "NDArray[np.uint8] | None", on_wait: Callable[[], None]) -> None:
        while True:
            try:
                return self._chunks.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                on_wait()

    def end(self, on_wait: Callable[[], None]) -> None:
        """Wait until everything is written and the pipe is closed. May be called again."""
        if not self._ended:
            self._put(None, on_wait)
            self._ended = True
        while self._thread.is_alive():
            self._thread.join(POLL_SECONDS)
            if self._thread.is_alive():
                on_wait()

    def _run(self) -> None:
        # After a failure it goes on taking chunks, so that `put` can never wait for ever.
        while (chunk := self._chunks.get()) is not None:
            if not self.broken:
                self._write(chunk)
        self._child.close_input()

    def _write(self, chunk: "NDArray[np.uint8]") -> None:
        try:
            self._child.write(chunk.data.cast("B"))
        except OSError:
            self.broken = True  # what ffmpeg said about it is in its log
        except Exception:  # a thread that dies silently would leave `put` waiting for ever
            logger.exception("a chunk could not be written to ffmpeg")
            self.broken = True
