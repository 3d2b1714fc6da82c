"""Workers whose reports are heard by others on their way to the supervisor."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from pydantic import BaseModel

from common.contract.messages import Report
from common.worker.supervision.worker_process import WorkerProcess


class Listener(Protocol):
    """Somebody who is told what one worker says. Must neither block nor raise."""

    def heard(self, report: Report) -> None:
        """The worker said this."""

    def ended(self) -> None:
        """It says nothing more."""


def listened(
    spawn: Callable[[], Awaitable[WorkerProcess]],
    listeners: Callable[[], Sequence[Listener]],
) -> Callable[[], Awaitable[WorkerProcess]]:
    """``spawn``, with new ``listeners`` for each worker."""

    async def spawned() -> WorkerProcess:
        return _ListenedWorker(await spawn(), listeners())

    return spawned


class _ListenedWorker:
    """A worker, listened to. Everything but ``reports`` is its own."""

    def __init__(self, worker: WorkerProcess, listeners: Sequence[Listener]) -> None:
        self._worker = worker
        self._listeners = listeners

    @property
    def pid(self) -> int:
        return self._worker.pid

    def send(self, message: BaseModel) -> None:
        self._worker.send(message)

    def terminate(self) -> None:
        self._worker.terminate()

    def kill(self) -> None:
        self._worker.kill()

    async def wait(self) -> int:
        return await self._worker.wait()

    async def reports(self) -> AsyncIterator[Report]:
        async for report in self._worker.reports():
            for listener in self._listeners:
                listener.heard(report)
            yield report
        for listener in self._listeners:
            listener.ended()
