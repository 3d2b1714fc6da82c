"""The worker's end of the pipe: what the API process asked for, and how to report to it."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable

from pydantic import BaseModel, ValidationError

from common.base.logs import get_logger
from common.contract.messages import (
    Cancel,
    Command,
    Leave,
    Load,
    Unload,
    parse_command,
    to_line,
)

log = get_logger("worker")


class Control:
    """What was asked, as flags that the worker's loop reads; ``news`` is set at every command.

    Without a pipe (a worker started by hand) nothing is ever asked and reports go nowhere.
    """

    def __init__(self, pipe: socket.socket | None) -> None:
        self._pipe = pipe
        self._sending = threading.Lock()
        self.news = threading.Event()
        self.load_wanted = False
        self.unload_wanted = False
        self.leaving = False

    def start(
        self,
        *,
        on_cancel: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Read commands in a thread. ``on_lost``: the API process is gone."""
        if self._pipe is not None:
            handlers = (on_cancel, on_lost)
            threading.Thread(target=self._read, args=handlers, name="control", daemon=True).start()

    def report(self, message: BaseModel) -> None:
        """Tell the API process; if it is gone, the reading thread ends this worker."""
        if self._pipe is not None:
            with contextlib.suppress(OSError), self._sending:
                self._pipe.sendall(to_line(message))

    def leave(self) -> None:
        """Ask this worker to claim nothing more."""
        self.leaving = True
        self.news.set()

    def _read(
        self,
        on_cancel: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> None:
        assert self._pipe is not None  # noqa: S101  # narrows the type; start() checked
        with contextlib.suppress(OSError), self._pipe.makefile("rb") as lines:
            for line in lines:
                command = _parsed(line)
                if isinstance(command, Cancel):
                    on_cancel(command.job_id)
                elif command is not None:
                    self._note(command)
                self.news.set()
        on_lost()

    def _note(self, command: Command) -> None:
        if isinstance(command, Load):
            self.load_wanted = True
        elif isinstance(command, Unload):
            self.unload_wanted = True
        elif isinstance(command, Leave):
            self.leaving = True


def _parsed(line: bytes) -> Command | None:
    try:
        return parse_command(line)
    except ValidationError:
        log.warning("unknown command", extra={"line": line.decode(errors="replace")})
        return None


def open_pipe(descriptor: int | None) -> socket.socket | None:
    """The pipe that the API process left open for us."""
    if descriptor is None:
        return None
    os.set_inheritable(descriptor, False)  # the encoder must not keep it open
    return socket.socket(fileno=descriptor)
