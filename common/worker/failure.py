"""What a client may know of what went wrong."""

import errno
from collections.abc import Callable

from common.base.errors import (
    GenerationFailed,
    OutOfMemory,
    StorageFull,
    StorageUnavailable,
    VideosDGXError,
)
from common.base.threads import no_threads_left
from common.contract import Kind
from common.runtime.out_of_memory import is_out_of_memory


def as_error(
    exc: Exception,
    kind: Kind,
    blamed: Callable[[OSError], StorageUnavailable | None] = lambda _exc: None,
) -> VideosDGXError:
    """What a client may know of an exception; its own text stays in the log.

    ``kind``: of the work. ``blamed``: the error of a volume that is ours, where a file on it is.
    """
    if isinstance(exc, VideosDGXError):
        return exc
    if is_out_of_memory(exc):
        return OutOfMemory(
            f"There was not enough memory for this {kind.noun}.", hint=f"Ask for {kind.less}."
        )
    if (error := no_threads_left(exc)) is not None:
        return error
    if isinstance(exc, OSError) and (fault := blamed(exc)) is not None:
        return fault
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(
            f"A disk filled up while the {kind.noun} was made.", hint="Free space, then try again."
        )
    return GenerationFailed(
        "Something went wrong inside the model.",
        hint="The service's log has the details under this job's id.",
    )
