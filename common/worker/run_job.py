"""One job from claim to record: load, generate, publish, complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.base.errors import (
    INFRASTRUCTURE,
    FileGone,
    JobCancelled,
    JobReleased,
    StorageUnavailable,
    VideosDGXError,
)
from common.base.logs import get_logger
from common.base.threads import no_threads_left
from common.contract import JobResult, Making, ModelSpec, Phase, Prepared
from common.contract.kind import Preparer, Publisher
from common.contract.messages import ModelState
from common.contract.variants import NO_MODEL, Checkpoint
from common.jobs.manifest import manifest_of
from common.jobs.states import Event, JobState
from common.publishing.draft import Draft
from common.publishing.storage import Storage
from common.publishing.volumes import Volumes
from common.worker.books import Books
from common.worker.context import RunningJob
from common.worker.failure import as_error
from common.worker.likeness import Likeness
from common.worker.loaded import LoadedModel, no_turn
from common.worker.model_loader import ModelLoader
from common.worker.seat import EndTurn, Seat

log = get_logger("worker")


@dataclass(frozen=True)
class JobRunner:
    """Everything that a job needs on its way."""

    spec: ModelSpec
    books: Books
    storage: Storage
    volumes: Volumes
    loader: ModelLoader[LoadedModel]
    seat: Seat
    inputs: Path
    publisher: Publisher
    preparer: Preparer | None
    likeness: Likeness

    def run(self, running: RunningJob) -> bool:
        """Bring the job to its end, or back to the queue.

        Answers whether this process may take another job: after something unexpected in a model
        it may not, since a GPU context can be broken for good.
        """
        try:
            try:
                with self.storage.previews.during(running.job.id):
                    self._make(running)
            except (JobCancelled, JobReleased):
                return self._let_go(running)
            except Exception as exc:
                if running.released:  # that is what became of JobReleased inside a library
                    return self._let_go(running)
                return self._fail(running, exc)
        except INFRASTRUCTURE as exc:  # exit: the supervisor takes the job back when it can
            log.warning("could not record an end", extra={"reason": exc.body.message})
            return False
        return True

    def _make(self, running: RunningJob) -> None:
        if (adopted := self._adopted(running)) is not None:
            self._complete(running, adopted)
            return
        self._check_volumes(running)
        if self.preparer is not None:
            prepared = self.preparer.prepare(running.job.resolved, self.inputs, running.wait)
            self._amend(running, prepared)
        loaded = self.loader.state is ModelState.LOADED or not running.job.resolved.needs_model
        with self.seat.memory(running.job, loaded=loaded, on_wait=running.wait):
            if not running.job.resolved.needs_model:
                self._complete(running, self._without_model(running))
                return
            if not loaded:
                self._advance(running, Event.LOAD)
                running.progress(Phase.LOADING)
            with self.loader.use() as model:
                result = self._generate(running, model)
        if result is not None:
            self._complete(running, result)

    def _check_volumes(self, running: RunningJob) -> None:
        """Nothing has been made yet: a fault is none of the job's, even if it is over at once."""
        if (fault := self.volumes.unwell()) is not None:
            put_off = {"job_id": running.job.id, "reason": fault.body.message}
            log.warning("job put off", extra=put_off)
            raise JobReleased

    def _without_model(self, running: RunningJob) -> JobResult:
        self._advance(running, Event.RUN)
        self._request(running, NO_MODEL)  # its files are there
        return self._publish(running, None, NO_MODEL, no_turn)

    def _adopted(self, running: RunningJob) -> JobResult | None:
        """What an earlier attempt published and could not record."""
        adopted = self.storage.adopt(running.job.id, running.token)
        if adopted is None:
            return None
        folder, manifest = adopted
        return self.spec.kind.result(**{**manifest["result"], "folder": folder})

    def _generate(self, running: RunningJob, model: LoadedModel) -> JobResult | None:
        def wait(reason: str) -> None:
            if running.latest.waiting_for is None:  # the model is loaded, the GPU is not ours yet
                self._advance(running, Event.WAIT)
            running.wait(reason)

        with self.seat.turn(running.job, wait) as end_turn:
            self._advance(running, Event.RUN)
            running.raise_if_cancelled()
            self._check_volumes(running)  # now, and not after hours of work
            return self._on_gpu(running, model, end_turn)

    def _on_gpu(
        self, running: RunningJob, model: LoadedModel, end_turn: EndTurn
    ) -> JobResult | None:
        """What came of it; None where that is recorded already."""
        if self.spec.prepare is not None:
            request = self._request(running, model.checkpoint)
            self._amend(running, self.spec.prepare(model.pipeline, request, running))
        request = self._request(running, model.checkpoint)
        product = self.spec.generate(model.pipeline, request, running)
        return self._publish(running, product, model.checkpoint, end_turn)

    def _amend(self, running: RunningJob, prepared: Prepared | None) -> None:
        """Record what becomes of a request, before anything is made of it."""
        if prepared is None:
            return
        job = running.job
        changes = {
            "resolved": job.resolved.model_copy(update=dict(prepared.changes)),
            "adjustments": (*job.adjustments, *prepared.adjustments),
        }
        running.job = job.model_copy(update=changes)
        if not self.books.amend(running):
            raise JobCancelled

    def _request(self, running: RunningJob, checkpoint: Checkpoint) -> Any:
        """The resolved request as the model is given it. Raises FileGone."""
        job = running.job
        paths = {field: self.inputs / name for field, name in job.resolved.uploads.items()}
        if not all(path.is_file() for path in paths.values()):
            noun = self.spec.kind.noun
            raise FileGone(
                f"What the {noun} begins with is no longer on disk.", hint="Send it anew."
            )
        running.fingerprint = self.likeness.of(job, checkpoint)
        return job.resolved.seen_by_model(paths)

    def _advance(self, running: RunningJob, event: Event) -> None:
        """Move on, unless the client or a newer claim got there first."""
        if not self.books.advance(running, event):
            raise JobCancelled

    @contextmanager
    def _draft(self, running: RunningJob) -> Iterator[Draft]:
        """A folder for the files; gone again unless it was published."""
        draft = self.storage.begin(running.job.id, running.token)
        try:
            yield draft
        except BaseException:
            draft.discard()
            raise

    def _publish(
        self, running: RunningJob, product: Any, checkpoint: Checkpoint, end_turn: EndTurn
    ) -> JobResult:
        """Whole, or not at all."""
        with self._draft(running) as draft:
            making = self._making(running, draft, checkpoint, end_turn)
            made = self.publisher.publish(product, making)
            running.raise_if_cancelled()
            running.finish()
            shared = {"timings": running.timings, "fused": running.batch_size}
            result = made.model_copy(update=shared | self.likeness.told(running, checkpoint))
            draft.publish(manifest_of(running.job, result, self.spec.kind.name))
            return result

    def _making(
        self, running: RunningJob, draft: Draft, checkpoint: Checkpoint, end_turn: EndTurn
    ) -> Making:
        return Making(
            job_id=running.job.id,
            model=running.job.model,
            request=running.job.resolved,
            checkpoint=checkpoint,
            folder=draft.folder,
            inputs=self.inputs,
            look=partial(self._look, running),
            model_done=end_turn,
            progress=running.progress,
        )

    def _look(self, running: RunningJob) -> None:
        """At every piece, and while what writes it is behind."""
        running.raise_if_cancelled()

    def _complete(self, running: RunningJob, result: JobResult) -> None:
        if self.books.complete(running, result):
            log.info("job completed", extra={"job_id": running.job.id, **running.timings})
            return
        # The cancel won: its file goes with it.
        self.storage.withdraw(running.job.id, running.token)
        raise JobCancelled

    def _let_go(self, running: RunningJob) -> bool:
        state = self.books.give_back(running)
        log.info("job left early", extra={"job_id": running.job.id, "state": state})
        return True

    def _fail(self, running: RunningJob, exc: Exception) -> bool:
        """While a volume is unwell, or no thread is left, nothing is the job's fault: it waits."""
        unwell = self.volumes.unwell(anew=True)
        if (fault := unwell or no_threads_left(exc)) is None:
            return self._blame(running, exc)
        expected = fault is unwell and isinstance(exc, (VideosDGXError, OSError))
        said = {"job_id": running.job.id, "reason": fault.body.message, "met": str(exc)}
        log.warning("job put off", exc_info=None if expected else exc, extra=said)
        self._let_go(running)
        return expected  # where threads are missing another process tries, after a growing pause

    def _blame(self, running: RunningJob, exc: Exception) -> bool:
        """A job that alone fills a disk is tried again, but not for ever."""
        error = as_error(exc, self.spec.kind, self.volumes.blamed)
        disk = isinstance(error, StorageUnavailable)
        said = {"job_id": running.job.id, "code": error.code, "reason": error.body.message}
        log.error("job failed", exc_info=None if error is exc else exc, extra=said)
        if isinstance(error, StorageUnavailable):
            state = self.books.try_again(running, error)
        else:
            state = self.books.fail(running, error.body)
        log.info("job ended", extra={"job_id": running.job.id, "state": state or JobState.QUEUED})
        return error is exc or disk
