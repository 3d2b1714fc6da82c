"""A second job with the files of a first: the same bytes on disk, and neither needs the other."""

import errno
import os
import shutil
from pathlib import Path

from common.base.disk import disk_named
from common.contract import JobResult, Kind
from common.jobs.manifest import manifest_of
from common.jobs.model import Job
from common.publishing.storage import Storage

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP})
"""Why a file can have no second name: another disk, one without links, or too many of them."""


def publish_twin(
    storage: Storage, kind: Kind, job: Job, token: str, first: Job, made: JobResult
) -> JobResult:
    """Publish the files of ``first``, which are ``made``, as those of ``job``: all, or none.

    Raises:
        StorageUnavailable: they are gone, or the disk takes no more.
        EncodingFailed: the main one is damaged.
    """
    draft = storage.begin(job.id, token)
    told = {"folder": draft.folder.name, "cached_from": first.id, "timings": {}, "fused": 1}
    result = made.model_copy(update=told)
    try:
        with disk_named():
            for file in kind.files:
                if file.route is not None and file.made(made):  # others are made when asked for
                    double(storage.path(made.folder, file.name), draft.folder / file.name)
        draft.publish(manifest_of(job, result, kind.name))
    except BaseException:
        draft.discard()
        raise
    return result


def double(file: Path, other: Path) -> None:
    """Give a file a second name; where there can be none, its bytes. Raises OSError."""
    try:
        os.link(file, other)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        shutil.copyfile(file, other)
