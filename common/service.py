"""The entry point of a service: ``serve("wan21.model_config:SPEC")`` is a model's whole app.py."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.api.app import create_app
from common.api.auth.access import open_access
from common.api.auth.opening import check_exposure, open_authenticator, open_statements
from common.api.door.limits import Limits
from common.api.life.heap import bound_heap
from common.api.life.server import open_server
from common.api.service import Service
from common.base.errors import CheckpointError, VideosDGXError
from common.base.keeper import Keeper
from common.base.locks import held
from common.base.logs import configure_logs, get_logger
from common.base.privacy import close_to_others, keep_private
from common.base.settings import Settings, load_settings
from common.base.steady_clock import SteadyClock
from common.contract import ModelSpec, Variant
from common.contract.finding import load_spec
from common.contract.hub import choose_variant, locate
from common.contract.messages import ModelState
from common.jobs.database import is_postgres
from common.jobs.estimates.forecasts import Forecasts
from common.jobs.opening import check_database, open_store
from common.jobs.queue import JobQueue
from common.jobs.rolling_backup import RollingBackup
from common.jobs.webhooks.signing import open_signer
from common.media.codecs import resolve_codec
from common.media.credentials.opening import check_credentials
from common.memory.demand import Appraiser
from common.memory.nvml import open_gpu
from common.memory.opening import open_pool
from common.publishing.bucket.opening import s3_server
from common.publishing.ownership import LOCK
from common.publishing.storage import Storage
from common.publishing.sweep import share_identity
from common.publishing.volumes import mark_volumes, open_volumes
from common.telemetry.job_stories import JobStories
from common.telemetry.meters import Meters
from common.telemetry.open_tracing import check_installed, open_tracing
from common.telemetry.report_watch import ReportWatch
from common.worker.supervision.listened_worker import Listener, listened
from common.worker.supervision.supervisor import TICK_SECONDS, Supervisor
from common.worker.supervision.take_back import files_of, when_well
from common.worker.supervision.worker_environment import worker_environment
from common.worker.supervision.worker_process import ChildWorker

if TYPE_CHECKING:
    from common.jobs.name_lock import NameLock
    from common.publishing.bucket.bucket import Bucket

log = get_logger("api")


def serve(address: str) -> None:
    """Run the service of the SPEC at ``address`` until it is told to stop."""
    # uvicorn stops at SIGTERM, and then raises it again: a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    keep_private()
    try:
        _serve(address)
    except VideosDGXError as exc:
        log.error(exc.body.in_full)
        sys.exit(1)
    except OSError as exc:
        log.error("%s: %s", exc.filename, exc.strerror)
        sys.exit(1)


def _serve(address: str) -> None:
    bound_heap()
    spec = load_spec(address)
    settings = load_settings(spec.id)
    configure_logs(settings.log_level, settings.log_format, spec.id)
    choose_variant(spec, settings.checkpoint)  # a wrong setting stops us here, not at the first job
    authenticator = open_authenticator(settings)
    check_exposure(settings, authenticator)
    statements = open_statements(settings, spec.id)
    access = open_access(settings, spec, authenticator, statements)
    open_signer(settings)  # likewise
    s3_server(settings)
    check_credentials(settings)
    if settings.otel_exporter_otlp_endpoint:
        check_installed()
    with locked(settings, spec.id), named(settings, spec.id) as name:
        join_outputs(settings, spec)
        close_to_others(*settings.folders_of(spec.id))
        mark_volumes(settings, spec.id)
        make_service = partial(build_service, address, spec, settings, name=name)
        app = create_app(spec, Limits.of(settings, spec.kind), make_service, access)
        open_server(app, settings, settings.port or spec.port).run()


@contextmanager
def locked(settings: Settings, model_id: str) -> Iterator[None]:
    """Be the one service of these folders.

    Machines that share a PostgreSQL may share the outputs too; its name in there keeps others out.

    Raises:
        AlreadyRunning: another service has one of them.
    """
    outputs = settings.outputs_of(model_id) / LOCK
    shared = bool(settings.database_url)
    with (
        held(settings.state_of(model_id) / "api.lock", timeout=5),
        held(outputs, timeout=5, setting="OUTPUTS_DIR", shared=shared),
    ):
        yield


@contextmanager
def named(settings: Settings, model_id: str) -> Iterator["NameLock | None"]:
    """Be the one service of this name on a shared database; on SQLite the folders' locks do that.

    Raises:
        NameTaken: another service has the name.
        StoreUnavailable: the database does not answer.
    """
    if settings.database_url is None or not is_postgres(settings.database_url):
        yield None
        return
    from common.jobs.name_lock import NameLock

    lock = NameLock(settings.database_url, model_id, settings.worker_id())
    try:
        lock.take()
        yield lock
    finally:
        lock.close()


def join_outputs(settings: Settings, spec: ModelSpec, *, adopt: bool = False) -> None:
    """See that job database and outputs belong together.

    Raises:
        OutputsMismatch, StoreDamaged, StoreUnavailable.
    """
    check_database(settings, spec.id)
    store = open_store(settings, spec)
    try:
        storage = Storage(settings.outputs_of(spec.id), spec.kind.files)
        share_identity(store, storage, adopt=adopt)
    finally:
        store.close()


def build_service(
    address: str, spec: ModelSpec, settings: Settings, *, name: "NameLock | None" = None
) -> Service:
    """Put the parts together."""
    variant: Variant = spec.kind.bounded(choose_variant(spec, settings.checkpoint), settings)
    pool = open_pool(settings)
    store = open_store(settings, spec)
    queue = JobQueue(store, settings.max_queue, settings.max_jobs_per_key)
    storage = Storage(settings.outputs_of(spec.id), spec.kind.files)
    volumes = open_volumes(settings, spec.id)
    meters = Meters(spec.id)
    tracing = open_tracing(settings, spec.id)

    def listeners() -> list[Listener]:
        traces = [] if tracing is None else [JobStories(queue, tracing)]
        return [ReportWatch(meters), *traces]

    start = partial(ChildWorker.spawn, address, _environment_of(spec, settings))
    supervisor = Supervisor(
        when_well(listened(start, listeners), volumes),
        queue,
        settings,
        files=files_of(storage, volumes),
        evicted=partial(pool.ledger.evicted, spec.id),
        may_work=lambda: name is None or not name.taken,
        clock=SteadyClock(most=5 * TICK_SECONDS),
    )
    backups = RollingBackup.of(spec.id, settings, store.soundness)
    if backups is not None:
        meters.register(backups)
    return Service(
        spec=spec,
        variant=variant,
        settings=settings,
        queue=queue,
        storage=storage,
        volumes=volumes,
        supervisor=supervisor,
        forecasts=open_forecasts(queue, supervisor, spec, variant, settings.models_dir),
        pool=pool,
        keeper=Keeper(meters.restart, meters.begun),
        appraiser=Appraiser.of(spec, settings, pool.capacity_bytes, pool.probe.read().kind),
        meters=meters,
        intake=spec.kind.intake(spec.id, spec.options, variant, settings),
        encoder=resolve_codec(settings.video_encoder),
        name=name,
        gpu=open_gpu(),
        tracing=tracing,
        backups=backups,
        bucket=open_outputs_bucket(spec, settings, storage, queue, meters),
    )


def _environment_of(spec: ModelSpec, settings: Settings) -> dict[str, str]:
    reads = bool(settings.s3_input_buckets)
    return worker_environment(spec.id, os.environ, reads_buckets=reads)


def open_outputs_bucket(
    spec: ModelSpec, settings: Settings, storage: Storage, queue: JobQueue, meters: Meters
) -> "Bucket | None":
    """The bucket of finished jobs' files; without one, nothing that knows buckets is imported.

    Raises:
        SettingsError: its keys are missing, or are none.
    """
    if settings.s3_bucket is None:
        return None
    from common.publishing.bucket.bucket import open_bucket

    if bucket := open_bucket(spec.id, settings, storage, queue, spec.kind.files):
        meters.register(bucket)
    return bucket


def open_forecasts(
    queue: JobQueue, supervisor: Supervisor, spec: ModelSpec, variant: Variant, models_dir: Path
) -> Forecasts:
    """Of one service, whoever asks: the line is everybody's."""

    def checkpoint() -> str:
        """As a job's result names it."""
        try:
            return locate(models_dir, variant).id
        except CheckpointError:
            return variant.name

    def loaded() -> bool:
        return supervisor.model.state is ModelState.LOADED

    return Forecasts(queue, spec, checkpoint, supervisor.live, loaded)
