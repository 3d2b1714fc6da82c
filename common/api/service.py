"""What the routes stand on: one service's parts, put together once at the entry point."""

import shutil
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fastapi import Request

from common.api.forecasts import Forecasts
from common.api.supervisor import Supervisor
from common.contract import ModelSpec, Variant
from common.errors import CheckpointError, StorageFull
from common.hub import locate
from common.jobs.queue import JobQueue
from common.media.storage import Storage
from common.memory.demand import Appraiser
from common.memory.fitting import Fitting
from common.memory.opening import Pool
from common.messages import ModelState
from common.settings import GIB, Settings


@dataclass(frozen=True)
class Service:
    """One model's service, in the API process."""

    spec: ModelSpec
    variant: Variant
    settings: Settings
    queue: JobQueue
    storage: Storage
    supervisor: Supervisor
    pool: Pool
    appraiser: Appraiser
    started: float = field(default_factory=time.monotonic)

    @property
    def inputs(self) -> Path:
        """The folder of uploads."""
        return self.settings.inputs_of(self.spec.id)

    @cached_property
    def forecasts(self) -> Forecasts:
        """When jobs will be done."""
        worker = self.supervisor
        return Forecasts(
            self.queue,
            self.spec,
            checkpoint=self._checkpoint_id,
            live=worker.live,
            loaded=lambda: worker.model.state is ModelState.LOADED,
        )

    def _checkpoint_id(self) -> str:
        """As a job's result names it."""
        try:
            return locate(self.settings.models_dir, self.variant).id
        except CheckpointError:
            return self.variant.name

    def fitting(self) -> Fitting | None:
        """Measures requests against this machine; None without the checkpoint on disk."""
        try:
            checkpoint = locate(self.settings.models_dir, self.variant)
        except CheckpointError:
            return None
        return Fitting(self.appraiser, checkpoint, self.variant, self.pool.capacity_bytes)

    def check_disk(self) -> None:
        """Refuse work that could not be finished for want of space.

        Raises:
            StorageFull: a volume is below ``MIN_FREE_DISK_GB``.
        """
        reserve = self.settings.min_free_disk_gb
        free_bytes = {
            "outputs": self.storage.free_bytes(),
            "state": shutil.disk_usage(self.inputs).free,
        }
        for name, free in ((name, count / GIB) for name, count in free_bytes.items()):
            if free < reserve:
                raise StorageFull(
                    f"The {name} volume has {free:.1f} GB free, and {reserve:g} GB are kept free.",
                    hint="Delete old jobs (DELETE /jobs/{id}), or free space on the volume.",
                )


def service_of(request: Request) -> Service:
    """The service that a request came to; a FastAPI dependency."""
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101  # set by create_app
    return service
