"""The worker: claims jobs one after another, and exits when there is nothing to stay for."""

import logging
import os
import signal
import time
from functools import partial
from types import FrameType

from common.base.disk import disk_named
from common.base.errors import JobReleased, VideosDGXError
from common.base.logs import get_logger
from common.base.settings import Settings
from common.contract import ModelSpec
from common.contract.fingerprints import Fingerprints
from common.contract.fusing import most_together
from common.contract.kind import plain
from common.contract.messages import EXIT_CLEAN, EXIT_RESTART, ModelState
from common.jobs.states import ENDED
from common.jobs.store import JobStore
from common.publishing.storage import Storage
from common.publishing.volumes import Volumes
from common.worker.books import Books
from common.worker.context import RunningJob
from common.worker.control import Control
from common.worker.hands import Hands
from common.worker.heart import Heart
from common.worker.likeness import Likeness
from common.worker.loading import Loading
from common.worker.model_loader import ModelLoader
from common.worker.previews import Previews
from common.worker.run_batch import BatchRunner
from common.worker.seat import open_seat

log = get_logger("worker")

POLL_SECONDS = 2.0
"""Between looks at a queue that nobody told us about: other machines' jobs, a busy database."""
EVICTION_POLL_SECONDS = 0.25
"""Between looks at whether another model needs the memory."""
FIRST_WORD_SECONDS = 1.0
"""Patience for what this worker was started for: it is said at once, where there is a pipe."""


class Worker:
    """One model, one GPU, one job at a time."""

    def __init__(
        self,
        spec: ModelSpec,
        settings: Settings,
        store: JobStore,
        control: Control,
        volumes: Volumes,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._store = store
        self._control = control
        self._interruptible = False
        storage = Storage(settings.outputs_of(spec.id), spec.kind.files)
        previews = partial(Previews, every=settings.preview_every, files=storage.previews)
        self._hands = hands = Hands(store, settings.worker_id(), control, previews, volumes)
        with disk_named("memory"):
            self._seat = open_seat(settings, spec)
        beat = self._seat.arbiter.beat
        self._heart = Heart(control, store, settings.lease_seconds, beat, lambda: hands.running)
        self._loading = Loading(spec, settings, self._seat, control, lambda: hands.head)
        self._loader = ModelLoader(
            self._loading.load, ttl_seconds=_ttl(settings), on_change=self._loading.report
        )
        self._runner = BatchRunner(
            spec=spec,
            books=Books(store, settings.max_attempts),
            storage=storage,
            volumes=volumes,
            loader=self._loader,
            seat=self._seat,
            inputs=settings.inputs_of(spec.id),
            publisher=spec.kind.publisher(settings),
            preparer=spec.kind.preparer(self._seat.appraiser.variant, settings),
            likeness=Likeness(
                Fingerprints(spec, settings, self._seat.appraiser.weights),
                settings.inputs_of(spec.id),
            ),
            hands=hands,
            most=most_together(spec, settings.fused_batch),
        )

    def run(self) -> int:
        """Work until told to leave, idle for too long, or broken; answers the exit code."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._control.start(on_cancel=self._hands.cancel, on_lost=self._on_lost)
        self._heart.start()
        self._recover()
        self._control.news.wait(FIRST_WORD_SECONDS)
        while not self._control.leaving:
            self._control.news.clear()
            try:
                if not self._turn():
                    break
            except _Tainted:
                return EXIT_RESTART
        return EXIT_CLEAN

    def _turn(self) -> bool:
        """Run one job, or load, or wait for news; False when there is nothing to stay for."""
        if self._seat.arbiter.must_leave():
            return False
        if self._run_next():
            return True
        if self._control.load_wanted:
            self._warm()
            return True
        left = self._loader.seconds_until_expiry()
        if self._control.unload_wanted or left == 0:
            return False
        self._rest(POLL_SECONDS if left is None else min(left, POLL_SECONDS))
        return True

    def _rest(self, seconds: float) -> None:
        """Wait for news from the API process, or from the other models."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._control.news.wait(min(left, EVICTION_POLL_SECONDS)):
                return
            if self._seat.arbiter.must_leave():
                return

    def _run_next(self) -> bool:
        running = self._hands.claim()
        if running is None:
            return False
        try:
            healthy = self._run_interruptibly(running)
        finally:
            self._hands.let_go_of_all()
        if not healthy:
            raise _Tainted
        return True

    def _run_interruptibly(self, running: RunningJob) -> bool:
        self._interruptible = True
        try:
            return self._runner.run(running)
        finally:
            self._interruptible = False

    def _warm(self) -> None:
        self._control.load_wanted = False
        request = plain(self._spec.kind, self._seat.appraiser.variant)
        try:
            with self._seat.warmth(request, self._while_warming), self._loader.use():
                pass
        except JobReleased:
            pass  # called back, or asked to make room
        except VideosDGXError as exc:
            log.error("cannot load", extra={"reason": exc.body.message, "hint": exc.body.hint})
            self._loading.report(ModelState.UNLOADED)
        except Exception:
            log.exception("cannot load")
            raise _Tainted from None

    def _while_warming(self, _reason: str) -> None:
        if self._control.leaving or self._control.unload_wanted:
            raise JobReleased

    def _recover(self) -> None:
        """Take back what an earlier process of this name held: our lock says that it is dead."""
        storage = self._runner.storage
        for job in self._store.claimed(self._settings.worker_id()):
            if storage.is_finished(job.id):  # only the record is missing
                self._store.release(job.id, job.token or "")
                continue
            reason = "the service was stopped without warning"
            state = self._store.expel(job, reason, self._settings.max_attempts)
            if state in ENDED:
                storage.remove(job.id)

    # Commands, from the pipe's thread

    def _on_lost(self) -> None:
        """The API process is gone: give all back and exit at once: no worker is orphaned."""
        with self._hands.shut():
            logging.shutdown()
            os._exit(EXIT_CLEAN)

    # Signals, in the main thread

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        """Leave now: interrupts loading and decoding, which no step callback reaches."""
        self._control.leave()
        for running in self._hands.running:  # should what is raised here be lost on its way
            running.release()
        if self._interruptible:
            self._interruptible = False
            raise JobReleased


class _Tainted(Exception):
    """This process must end before another job runs."""


def _ttl(settings: Settings) -> float:
    minutes = settings.auto_unload_minutes
    return minutes * 60 if minutes >= 0 else -1.0
