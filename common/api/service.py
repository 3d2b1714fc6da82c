"""What the routes stand on: one service's parts, put together once at the entry point."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request

from common.api.auth.access import caller_of
from common.api.auth.caller import EVERYBODY, Caller
from common.base.errors import CheckpointError
from common.base.keeper import Keeper
from common.base.settings import Settings
from common.base.settings.encoders import Codec
from common.base.together import Together
from common.contract import Intake, Kind, ModelSpec, Variant
from common.contract.hub import locate
from common.jobs.estimates.forecasts import Forecasts
from common.jobs.pauses import Pauses
from common.jobs.queue import JobQueue, OwnersQueue
from common.jobs.rolling_backup import RollingBackup
from common.memory.demand import Appraiser
from common.memory.fitting import Fitting
from common.memory.nvml import Gpu
from common.memory.opening import Pool
from common.publishing.arrivals import Arrivals
from common.publishing.storage import Storage
from common.publishing.volumes import Volumes
from common.telemetry.meters import Meters
from common.telemetry.tracing import Tracing
from common.worker.supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from common.jobs.name_lock import NameLock
    from common.publishing.bucket.bucket import Bucket


@dataclass(frozen=True)
class Service:
    """One model's service, in the API process."""

    spec: ModelSpec
    variant: Variant
    settings: Settings
    queue: JobQueue
    storage: Storage
    volumes: Volumes
    supervisor: Supervisor
    pool: Pool
    appraiser: Appraiser
    meters: Meters
    intake: Intake
    forecasts: Forecasts
    keeper: Keeper
    encoder: Codec = "libx264"
    """The one that was asked for, where it runs."""
    name: "NameLock | None" = None
    """Held where machines share a database."""
    gpu: Gpu | None = None
    tracing: Tracing | None = None
    backups: RollingBackup | None = None
    bucket: "Bucket | None" = None
    scrapes: Together[Any] = field(default_factory=Together)
    pauses: Pauses = field(default_factory=Pauses)
    arrivals: Arrivals = field(default_factory=Arrivals)
    started: float = field(default_factory=time.monotonic)

    def seen_by(self, caller: Caller) -> "Service":
        """The same service for one caller: the jobs of others are not in its queue."""
        if caller == EVERYBODY:
            return self
        return replace(self, queue=OwnersQueue(self.queue, caller.name, sees_all=caller.admin))

    @property
    def kind(self) -> Kind:
        """What is asked of the model, and made."""
        return self.spec.kind

    @property
    def inputs(self) -> Path:
        """The folder of uploads."""
        return self.settings.inputs_of(self.spec.id)

    def fitting(self) -> Fitting | None:
        """Measures requests against this machine; None without the checkpoint on disk."""
        try:
            checkpoint = locate(self.settings.models_dir, self.variant)
        except CheckpointError:
            return None
        return Fitting(self.appraiser, checkpoint, self.variant, self.pool.capacity_bytes)

    def check_name(self) -> None:
        """Raises NameTaken: another service has this one's name, and makes its jobs."""
        if self.name is not None and self.name.taken:
            raise self.name.refusal()


async def service_of(request: Request) -> Service:
    """The service that a request came to, as its caller sees it; a FastAPI dependency.

    Routes get at jobs in no other way: what they find is the caller's, and what they submit, too.
    Async, as all dependencies are here: FastAPI takes a thread for each that is not.
    """
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101  # set by create_app
    return service.seen_by(caller_of(request))
