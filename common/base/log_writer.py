"""Writes what a process says to its standard error, and never makes it wait for a reader.

Whoever reads the log may stop (a driver that hangs, ``| less``), and a full pipe blocks its writer
for ever. So one thread writes, and everybody else only hands lines to it. What does not fit while
nobody reads is dropped and counted.
"""

import contextlib
import io
import os
import queue
import threading

MOST_LINES = 5_000
"""How many wait for a reader."""
FLUSH_SECONDS = 1.0
"""How long an exit waits for what was said last."""


class LogWriter:
    """One descriptor's lines, in the order in which they were put."""

    def __init__(self, descriptor: int, most_lines: int = MOST_LINES) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | threading.Event] = queue.Queue(most_lines)
        self._lost = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Lines that the thread has not taken up yet."""
        return self._lines.qsize()

    def put(self, text: str) -> None:
        """Say this; returns at once."""
        try:
            self._lines.put_nowait(text.encode(errors="replace"))
        except queue.Full:
            self._lost += 1

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Wait until all is written that was put before, but not for longer than this."""
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._lines.put(written, timeout=seconds)
            written.wait(seconds)

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
            else:
                self._write(line)
                self._own_up()

    def _own_up(self) -> None:
        """Somebody reads again: say what is missing."""
        lost, self._lost = self._lost, 0
        if lost:
            self._write(f"{lost} lines of the log are missing here: nobody read it.\n".encode())

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the reader is gone for good: there is no other place
            while data:
                data = data[os.write(self._descriptor, data) :]


class LogStream(io.TextIOBase):
    """Stands in for ``sys.stdout`` and ``sys.stderr``: libraries print, and must not wait either.

    What writes to the descriptors themselves, as a crash in native code does, goes there directly.
    """

    encoding = "utf-8"

    def __init__(self, writer: LogWriter, descriptor: int) -> None:
        self._writer = writer
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text:
            self._writer.put(text)
        return len(text)

    def fileno(self) -> int:
        return self._descriptor
