"""The API process's hold on the process that uploads: begun when there is something to do."""

import asyncio
import contextlib
import subprocess
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

from common.base.bounded_child import bare_environment, module_command
from common.base.settings import MIB, SettingsError
from common.base.threads import no_threads_left
from common.publishing.bucket.opening import Server
from common.publishing.bucket.tasks import SAYINGS, Alive, Failed, Hello, Outcome, Task

_ROOT = Path(__file__).parents[3]
_CHILD = "common.publishing.bucket.child"
_LINE_BYTES = 1024 * 1024
_SPARE_SECONDS = 30.0
"""On top of what its requests may take, before a child that says nothing is killed."""
_REQUESTS_AT_ONCE = 8
"""Between two signs of life lie so many waits of ``S3_TIMEOUT_SECONDS`` at most: two tries of a
request, each of which connects and reads, and one that looks afterwards."""


@dataclass(eq=False)
class Sender:
    """Has tasks done, one at a time."""

    server: Server
    spare: float = _SPARE_SECONDS
    child: Process | None = None

    async def do(self, task: Task) -> Outcome:
        """Have a task done. Whatever happens becomes an answer, in words of our own.

        Cancelled, it ends the child: nothing goes on that nobody waits for.
        """
        try:
            child = self.child or await self._begin()
            return await self._done(child, task)
        except SettingsError as exc:  # the keys, whose file may have changed
            return Failed(words=exc.body.message, of_bucket=True)
        except (TimeoutError, OSError, EOFError) as exc:
            await self.close()
            if (threads := no_threads_left(exc)) is not None:
                return Failed(words=threads.body.message, of_bucket=True)
            late = isinstance(exc, TimeoutError)
            words = "The bucket's server does not answer in time." if late else _ENDED
            return Failed(words=words, of_bucket=True)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the child, if there is one."""
        child, self.child = self.child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()

    async def _begin(self) -> Process:
        hello = await asyncio.to_thread(self._hello)
        self.child = child = await asyncio.create_subprocess_exec(
            *module_command(_CHILD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=bare_environment(),
            cwd=_ROOT,
            start_new_session=True,
            limit=_LINE_BYTES,
        )
        await _tell(child, hello)
        return child

    async def _done(self, child: Process, task: Task) -> Outcome:
        await _tell(child, task)
        assert child.stdout is not None  # noqa: S101  # a pipe
        while True:
            async with asyncio.timeout(self.server.timeout * _REQUESTS_AT_ONCE + self.spare):
                line = await child.stdout.readline()
            if not line:
                raise EOFError
            said = SAYINGS.validate_json(line)
            if not isinstance(said, Alive):
                return said

    def _hello(self) -> Hello:
        server, keys = self.server, self.server.keys()
        return Hello(
            endpoint=server.endpoint,
            region=server.region,
            path_style=server.path_style,
            timeout=server.timeout,
            part_bytes=server.settings.s3_part_mb * MIB,
            access_key=keys.access_key,
            secret_key=keys.secret_key,
        )


_ENDED = "The process that uploads has ended before its time."


async def _tell(child: Process, line: Hello | Task) -> None:
    assert child.stdin is not None  # noqa: S101  # a pipe
    child.stdin.write(line.model_dump_json().encode() + b"\n")
    await child.stdin.drain()
