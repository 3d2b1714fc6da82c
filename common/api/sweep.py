"""At start-up: the outputs folder and the job table are brought together.

A finished video is never deleted for want of a row. What the table does not know is taken back
from its manifest, or set aside. What goes is what a record says may go: the folder of a job that
was removed, was cancelled or has failed, and an earlier attempt's of a job that is completed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex

from common.api.service import Service
from common.errors import OutputsMismatch
from common.jobs.manifest import job_from
from common.jobs.model import Job
from common.jobs.states import JobState
from common.jobs.store import JobStore
from common.logs import get_logger
from common.media.storage import Storage, job_of

log = get_logger("api")


@dataclass(frozen=True)
class Swept:
    """Finished videos without a row: how many got one back, and how many were set aside."""

    taken_back: int = 0
    set_aside: int = 0


def sweep_files(service: Service) -> None:
    """Bring both together, and remove the uploads that no job needs. Blocks on the disk.

    Beside a database that was lost, uploads stay: somebody may want them.
    """
    swept = sweep_outputs(service.queue.store, service.storage)
    removed = _sweep_uploads(service) if service.outputs_known else 0
    log.info("files swept", extra={"uploads_removed": removed, **vars(swept)})


def share_identity(store: JobStore, storage: Storage, *, adopt: bool = False) -> bool:
    """See that table and outputs bear the same name; answers whether they did before.

    Where one of them is new, it takes the other's name. ``adopt``: the table takes the outputs'
    whatever it had.

    Raises:
        OutputsMismatch: each has a name of its own.
    """
    ours, theirs = store.identity(), storage.identity()
    if ours is not None and ours == theirs:
        return True
    if ours is not None and theirs is not None and not adopt:
        raise OutputsMismatch(
            f"The outputs of {store.model} belong to another job database than this one.",
            hint="Set OUTPUTS_DIR and STATE_DIR (or DATABASE_URL) to what belongs together. To "
            f"take these videos into this database: videosdgx recover {store.model} --adopt",
        )
    identity = theirs or ours or token_hex(16)
    store.set_identity(identity)
    storage.set_identity(identity)
    return False


def sweep_outputs(store: JobStore, storage: Storage) -> Swept:
    """Look at every published folder once; see the top of this file."""
    folders = storage.published()
    ids = {job_of(folder) for folder in folders}
    known = store.known(ids)
    deleted = store.deleted(ids - known.keys())
    lost: dict[str, Job] = {}
    aside = []
    for folder in folders:
        job_id = job_of(folder)
        if job_id in known:
            _settle(known[job_id], folder, folders, storage)
        elif job_id in deleted:
            storage.take_away(folder)
        elif job_id not in lost and (job := _from_manifest(store, storage, folder)) is not None:
            lost[job_id] = job
        else:
            aside.append(folder)
    swept = Swept(_take_back(store, lost), _set_aside(storage, aside))
    storage.clear_unfinished(lambda job_id: _may_go_on(known, job_id))
    store.forget_deleted()
    return swept


def _settle(job: Job, folder: str, folders: list[str], storage: Storage) -> None:
    """A folder of a job that has a row."""
    if not job.ended or job.unreadable or (job.error and job.error.code == "unreadable_record"):
        return  # it may still be adopted, or only its record is lost
    if job.result is None:  # failed or cancelled
        storage.take_away(folder)
    elif job.result.folder != folder:
        if job.result.folder in folders:  # an earlier attempt's
            storage.take_away(folder)
        else:
            storage.set_aside(folder)


def _from_manifest(store: JobStore, storage: Storage, folder: str) -> Job | None:
    manifest = storage.manifest(folder)
    if manifest is None or manifest.get("model") != store.model:
        return None
    return job_from(manifest, folder, storage.published_at(folder))


def _take_back(store: JobStore, lost: Mapping[str, Job]) -> int:
    if not lost:
        return 0
    count = store.restore(sorted(lost.values(), key=lambda job: job.created_at))
    log.warning(
        "%d finished videos were not in the job table, and are again. If the database was lost or "
        "an older one was put back, the jobs that were not finished are missing.",
        count,
    )
    return count


def _set_aside(storage: Storage, folders: list[str]) -> int:
    for folder in folders:
        storage.set_aside(folder)
    if folders:
        log.warning(
            "%d folders of the outputs belong to no job, and could not be taken back: their videos "
            "are in %s there, and stay until somebody removes them.",
            len(folders),
            storage.unclaimed.name,
        )
    return len(folders)


def _may_go_on(known: Mapping[str, Job], job_id: str) -> bool:
    return job_id in known and not known[job_id].ended


def _sweep_uploads(service: Service) -> int:
    uploads = {upload.stem: upload for upload in service.inputs.iterdir()}
    known = service.queue.store.known(uploads)
    needless = [
        upload
        for job_id, upload in uploads.items()
        if job_id not in known or known[job_id].state is JobState.CANCELLED
    ]
    for upload in needless:
        upload.unlink(missing_ok=True)
    return len(needless)
