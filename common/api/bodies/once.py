"""``Idempotency-Key``: a request that is sent again makes no second job.

A client that never saw the answer repeats its request with the same key, and gets the job that the
first one made. The store writes key and job together; what is here is the header, the fingerprint
of a request, and the keys whose first request is not answered yet.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from common.api.bodies.body import Body
from common.api.service import Service, service_of
from common.base.errors import InvalidRequest
from common.base.errors.queue import KeyInUse
from common.contract.fingerprints import digest
from common.jobs.keys import HEADER
from common.jobs.model import Job, KeyUse
from common.jobs.queue import JobQueue

MAX_KEY_CHARS = 255
REPLAYED = "Idempotent-Replayed"
SECONDS_PER_HOUR = 3600

Make = Callable[[KeyUse | None], Awaitable[Job]]


@dataclass(frozen=True)
class Once:
    """What one request says about being made once."""

    queue: JobQueue
    under_way: set[tuple[str, str]]
    """Owners and keys whose request is being answered, of all requests to this process."""
    response: Response
    seconds: float
    """How long a key is kept."""
    owner: str
    key: str | None

    async def job(self, job_id: str, body: Body, make: Make) -> Job:
        """The job that the key has made, else what ``make`` makes under ``job_id``.

        Raises:
            KeyInUse: a request with the same key is being answered.
            KeyReused: the key came with another request.
            JobConflict: the key's job was deleted.
        """
        if self.key is None:
            return await make(None)
        with self.alone():
            use = await self.use(body)
            job = await self.made(use) or await make(use)
        if job.id != job_id:  # this request was sent before; perhaps just now, to another process
            self.replay()
        return job

    async def before(self, body: Body) -> Job | None:
        """The job that the key has made of a body that names other jobs, which may be gone by now.

        ``body``: not looked at yet. Raises KeyReused, JobConflict.
        """
        if self.key is None or body.request.dry_run or not body.request.used_jobs:
            return None
        job = await self.made(await self.use(body))
        if job is not None:
            self.replay()
        return job

    def replay(self) -> None:
        """Say that the answer is that of an earlier request."""
        self.response.headers[REPLAYED] = "true"

    async def made(self, use: KeyUse) -> Job | None:
        """The job that was made with this key. Raises KeyReused, JobConflict."""
        return await self.queue.read(self.queue.store.made_with, self.owner, use)

    async def use(self, *bodies: Body) -> KeyUse:
        """The key, and the fingerprint of what it is used for."""
        assert self.key is not None  # noqa: S101  # asked for where there is one
        fingerprint = await run_in_threadpool(fingerprint_of, *bodies)
        return KeyUse(key=self.key, fingerprint=fingerprint, seconds=self.seconds)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One request with a key at a time. Raises KeyInUse."""
        mine = (self.owner, self.key or "")
        if mine in self.under_way:
            raise KeyInUse(
                f"A request with this {HEADER} is under way.",
                param=HEADER,
                hint="Send it again in a moment: it gets the same job.",
            )
        self.under_way.add(mine)
        try:
            yield
        finally:
            self.under_way.remove(mine)


async def _once(
    request: Request,
    response: Response,
    service: Annotated[Service, Depends(service_of)],
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Sent again with the same body, it answers the same job.",
            json_schema_extra={"pattern": f"^[!-~]{{1,{MAX_KEY_CHARS}}}$"},
        ),
    ] = None,
) -> Once:
    return Once(
        queue=service.queue,
        under_way=request.app.state.keys_under_way,
        response=response,
        seconds=service.settings.idempotency_hours * SECONDS_PER_HOUR,
        owner=service.queue.owner,
        key=checked_key(idempotency_key),
    )


OnceParam = Annotated[Once, Depends(_once)]


def checked_key(key: str | None) -> str | None:
    """The header's value. Raises InvalidRequest: not 1 to 255 visible ASCII characters."""
    if key is None or (
        1 <= len(key) <= MAX_KEY_CHARS and all("!" <= letter <= "~" for letter in key)
    ):
        return key
    raise InvalidRequest(
        f"{HEADER}: must be 1 to {MAX_KEY_CHARS} visible ASCII characters.",
        param=HEADER,
        hint="A UUID is a good key.",
    )


def fingerprint_of(*bodies: Body) -> str:
    """What must be the same for a request to be the same: its fields, and its uploads' content.

    Fields that say the default count as left out, so that new ones change no old fingerprint. One
    that names other jobs is told by what was sent alone: it is known when those are gone, too.
    """
    text = json.dumps([_summary(body) for body in bodies], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _summary(body: Body) -> dict[str, Any]:
    if body.request.used_jobs:
        said = body.request.model_dump(mode="json", exclude_defaults=True)
        files = {name: digest(sent.file) for name, sent in body.files.items()}
        return {"fields": said, "files": files, "remix_of": body.remix_of}
    fields = body.request.recorded(exclude_defaults=True)
    return {"fields": fields, "upload": _digest(body), "remix_of": body.remix_of}


def _digest(body: Body) -> str | list[str] | None:
    """Of one upload its own, as it was before there could be several."""
    digests = []
    for upload in body.uploads:
        named = f"{upload.media.field} " if upload.media.told_apart else ""
        digests.append(f"{named}{digest(upload.file)}")
    return digests if len(digests) > 1 else next(iter(digests), None)
