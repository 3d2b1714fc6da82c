"""Errors of batches.

VideosDGXError
├── InvalidRequest
│   └── BatchRefused        422  requests of a batch are wrong; each error is beside the first
├── BatchNotFound           404  also somebody else's batch
└── BatchConflict           409  the state of the batch, or of its members, does not allow this
"""

from common.base.errors.tree import InvalidRequest, VideosDGXError


class BatchRefused(InvalidRequest):
    """Every request of a batch is wrong, or one is and the client wants all or none."""

    code = "batch_refused"


class BatchNotFound(VideosDGXError):
    """No such batch."""

    code = "batch_not_found"
    status = 404


class BatchConflict(VideosDGXError):
    """The state of the batch, or of its members, does not allow this."""

    code = "batch_conflict"
    status = 409
