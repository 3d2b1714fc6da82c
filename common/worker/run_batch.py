"""Jobs that are made together: denoised as one batch, then each decoded and published by itself."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from common.base.errors import (
    INFRASTRUCTURE,
    JobCancelled,
    JobReleased,
    OutOfMemory,
    VideosDGXError,
)
from common.base.logs import get_logger
from common.contract import JobResult
from common.contract.messages import ModelState
from common.jobs.states import Event
from common.worker.context import RunningJob
from common.worker.failure import as_error
from common.worker.hands import Hands
from common.worker.loaded import LoadedModel
from common.worker.run_job import JobRunner
from common.worker.seat import EndTurn
from common.worker.together import Together

log = get_logger("worker")


@dataclass(frozen=True)
class BatchRunner(JobRunner):
    """Runs a job, and with it those behind it in the queue that can be made together with it.

    Company joins at the last moment, when the job has the model, its memory and the GPU. Nobody
    waits for it, and what it needs is taken only where it is left over.
    """

    hands: Hands
    most: int
    """Jobs of a batch at most."""

    def _on_gpu(
        self, running: RunningJob, model: LoadedModel, end_turn: EndTurn
    ) -> JobResult | None:
        members = (running, *self._company(running))
        if len(members) == 1:
            return super()._on_gpu(running, model, end_turn)
        with contextlib.ExitStack() as stack:
            for other in members[1:]:
                stack.enter_context(self.storage.previews.during(other.job.id))
            self._make_together(members, model, end_turn)
        return None

    def _company(self, head: RunningJob) -> tuple[RunningJob, ...]:
        """Who is made together with this job; their memory is held too."""
        job = head.job
        if self.most < 2 or job.shape is None or job.alone:
            return ()
        room, accepted_before = self.seat.company(job, self.most)
        if room < 2:
            return ()
        others = self.hands.claim_more(head, room - 1, accepted_before)
        if others and not self.seat.widen(job, 1 + len(others)):  # gone in this very moment
            for other in others:
                self._leave(other)
            return ()
        return others

    def _make_together(
        self, members: tuple[RunningJob, ...], model: LoadedModel, end_turn: EndTurn
    ) -> None:
        generate = self.spec.generate_batch
        assert generate is not None  # noqa: S101  # ``most`` is 1 for a model without it
        size = len(members)
        log.info("jobs made together", extra={"job_ids": [m.job.id for m in members]})
        for member in members:
            member.batch_size = size
        for member in members[1:]:
            self._enter(member)
        together = self._context(members)
        together.raise_if_cancelled()
        present = together.present
        together = self._context(present)
        products = generate(
            model.pipeline, [self._request(m, model.checkpoint) for m in present], together
        )
        for member in present:
            member.share()
        for member, product in zip(present, products, strict=True):
            end: EndTurn = partial(end_turn, size) if member is present[-1] else _go_on
            self._finish(member, product, model, end)

    def _context(self, members: Sequence[RunningJob]) -> Together:
        return Together(members, lambda: self.hands.running, self._sweep)

    def _enter(self, member: RunningJob) -> None:
        """Begin with a job that joined; one whose files are there already is recorded."""
        if (adopted := self._adopted(member)) is not None:
            self._end(member, adopted)
        elif not self.books.advance(member, Event.RUN):
            self._leave(member)

    def _finish(
        self, member: RunningJob, product: Any, model: LoadedModel, end_turn: EndTurn
    ) -> None:
        """Publish one of them. What is wrong with it alone ends it alone."""
        if member not in self.hands.running:
            return
        member.resume()
        try:
            self._end(member, self._publish(member, product, model.checkpoint, end_turn))
        except JobCancelled:
            self._leave(member)
        except JobReleased:
            if not member.must_stop:  # the worker must, and all with it
                raise
            self._leave(member)
        except (*INFRASTRUCTURE, OutOfMemory):  # none is this job's own
            raise
        except VideosDGXError as exc:
            super()._blame(member, exc)
            self.hands.let_go(member)

    def _end(self, member: RunningJob, result: JobResult) -> None:
        try:
            self._complete(member, result)
        except JobCancelled:
            self._leave(member)
        else:
            self.hands.let_go(member)

    def _look(self, running: RunningJob) -> None:
        self._sweep(but=running)
        super()._look(running)

    def _sweep(self, but: RunningJob | None = None) -> None:
        """Let those go that were cancelled or called back, so that it shows at once."""
        for member in self.hands.running:
            if member.must_stop and member is not but:
                with contextlib.suppress(*INFRASTRUCTURE):  # tried again at the next look
                    self.books.give_back_now(member)
                    self.hands.let_go(member)

    def _leave(self, member: RunningJob) -> None:
        super()._let_go(member)
        self.hands.let_go(member)

    def _let_go(self, running: RunningJob) -> bool:
        for member in self.hands.running:
            super()._let_go(member)
        return True

    def _blame(self, running: RunningJob, exc: Exception) -> bool:
        """Nobody knows whose fault it was: each is tried again, alone, and then it shows."""
        error = as_error(exc, self.spec.kind, self.volumes.blamed)
        if isinstance(error, OutOfMemory):  # the estimate was wrong: it shall not be so twice
            loaded = self.loader.state is ModelState.LOADED
            self.seat.outgrew(running.job, running.batch_size, loaded=loaded)
        if running.batch_size == 1:
            return super()._blame(running, exc)
        expected = error is exc
        members = self.hands.running
        log.error(
            "a batch failed",
            exc_info=None if expected else exc,
            extra={"job_ids": [m.job.id for m in members], "reason": error.body.message},
        )
        for member in members:
            self.books.give_back(member, alone=True)
        return expected


def _go_on(batch: int = 1) -> None:  # an ``EndTurn``
    """The GPU is still needed: others are waiting to be decoded."""
