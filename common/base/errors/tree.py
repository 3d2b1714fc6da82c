"""Every error that a client or an operator may see, in one tree.

``errors_access`` has those of the door, ``errors_queue`` those of the queue's entrance,
``errors_batch`` those of batches.

VideosDGXError
├── InvalidRequest          422  a field is wrong in itself
│   └── Unresolvable        422  the fields are fine, the model cannot do what they ask
├── UnsupportedMediaType    415
├── BodyTooLarge            413
├── JobNotFound             404  also somebody else's job
├── WebhookNotFound         404  nobody is to be told about this job
├── NoPreview               404  nothing to look at yet, or any more
├── ModelNotFound           404  this service has another model
├── JobConflict             409  the job's state does not allow this
├── FileGone                410  a completed job's file was removed from disk
├── RangeNotSatisfiable     416  a part of a file that it does not have
├── StorageUnavailable      503  a volume is gone, read-only or silent
│   ├── StorageFull         507  the disk is below its reserve
│   └── BucketUnavailable   503  in ``reading``: a bucket does not answer
├── StoreUnavailable        503  the job database does not answer, with seconds to wait
│   └── StoreDamaged        503  its file is damaged (also stops a start)
├── AlreadyRunning          500  another service has this one's folder, or name (stops a start)
├── OutputsMismatch         500  outputs and job database do not belong together (stops a start)
├── NoThreads               503  in ``threads``: none are left (the job is made later)
├── ModelBusy               409  unload while a job uses the model
├── CheckpointError         500  missing, incomplete or of another model (fails the job)
├── OutOfMemory             500  the model did not fit (fails the job)
├── NotEnoughMemory         422  the pool of this machine is smaller than the job
├── EncodingFailed          500  ffmpeg gave up (fails the job)
├── CredentialsFailed       500  in ``signing``: a file could not be signed (fails the job)
└── GenerationFailed        500  anything unexpected inside the model (fails the job)

JobCancelled and JobReleased are not errors: they are how a running job is left early.
They derive from BaseException so that a model's ``except Exception`` cannot swallow them.
"""

from pydantic import BaseModel, ConfigDict


class ErrorBody(BaseModel):
    """What a client reads: what happened, which field, and the way out."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    param: str | None = None
    hint: str | None = None

    @property
    def in_full(self) -> str:
        """What happened and the way out, for where there is one line."""
        return f"{self.message} {self.hint or ''}".strip()


class VideosDGXError(Exception):
    """The root. ``message`` is written for the client: no paths, no inner exception text."""

    code = "internal_error"
    status = 500
    retry_after: int | None = None
    """Seconds until it is worth another try, where that is known."""
    told = False
    """Whether the log has it already: then it is not said again at each request."""

    def __init__(self, message: str, *, param: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.body = ErrorBody(code=self.code, message=message, param=param, hint=hint)
        wait = self.retry_after
        self.headers = {} if wait is None else {"Retry-After": str(wait)}
        """What HTTP asks to be sent along."""


class InvalidRequest(VideosDGXError):
    """A field is missing, unknown, malformed or out of its own bounds."""

    code = "invalid_request"
    status = 422


class Unresolvable(InvalidRequest):
    """What is asked lies outside what the model can make."""

    code = "unresolvable"


class UnsupportedMediaType(VideosDGXError):
    """The body is neither JSON nor multipart, or an upload is not what it must be."""

    code = "unsupported_media_type"
    status = 415


class BodyTooLarge(VideosDGXError):
    """The request body is over ``MAX_BODY_MB``."""

    code = "body_too_large"
    status = 413


class JobNotFound(VideosDGXError):
    """No such job."""

    code = "job_not_found"
    status = 404


class WebhookNotFound(VideosDGXError):
    """The job was sent without a ``webhook_url``."""

    code = "webhook_not_found"
    status = 404


class NoPreview(VideosDGXError):
    """The job has no preview picture now."""

    code = "no_preview"
    status = 404


class ModelNotFound(VideosDGXError):
    """A client named a model that this service does not have."""

    code = "model_not_found"
    status = 404


class JobConflict(VideosDGXError):
    """The job's state does not allow this."""

    code = "job_conflict"
    status = 409


class FileGone(VideosDGXError):
    """The job is completed, but somebody removed its file."""

    code = "file_gone"
    status = 410


class RangeNotSatisfiable(VideosDGXError):
    """A part of a file was asked for that begins behind its end."""

    code = "range_not_satisfiable"
    status = 416

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"The file has {size_bytes} bytes, and no such part.",
            param="Range",
            hint="Ask for a part of it, or for all of it without Range.",
        )
        self.headers["Content-Range"] = f"bytes */{size_bytes}"


class StorageUnavailable(VideosDGXError):
    """A volume is gone, cannot be written or does not answer."""

    code = "storage_unavailable"
    status = 503
    retry_after = 10


class StorageFull(StorageUnavailable):
    """A volume is below ``MIN_FREE_DISK_GB``, or a write met the end of the disk."""

    code = "storage_full"
    status = 507
    retry_after = 60


class StoreUnavailable(VideosDGXError):
    """The job database does not answer. What was asked may have been done all the same."""

    code = "store_unavailable"
    status = 503
    retry_after = 5

    def __init__(
        self,
        message: str = "The job database does not answer.",
        *,
        hint: str = "Try again; with an Idempotency-Key nothing is made a second time.",
    ) -> None:
        super().__init__(message, hint=hint)


INFRASTRUCTURE = (StorageUnavailable, StoreUnavailable)
"""What is the machine's own fault, and heals without the job: it never costs an attempt."""


class OutputsMismatch(VideosDGXError):
    """The outputs folder belongs to another job database."""

    code = "outputs_mismatch"


class ModelBusy(VideosDGXError):
    """The model is in use; it was not unloaded and is still tracked."""

    code = "model_busy"
    status = 409


class CheckpointError(VideosDGXError):
    """The checkpoint is missing, incomplete, or of another model."""

    code = "checkpoint_error"


class OutOfMemory(VideosDGXError):
    """The model or the job did not fit into memory."""

    code = "out_of_memory"


class NotEnoughMemory(VideosDGXError):
    """The machine's pool is smaller than the job, whoever makes room."""

    code = "not_enough_memory"
    status = 422


class EncodingFailed(VideosDGXError):
    """The encoder process failed; its own words are in the log."""

    code = "encoding_failed"


class GenerationFailed(VideosDGXError):
    """Something unexpected inside the model; the traceback is in the log."""

    code = "generation_failed"


class JobCancelled(BaseException):
    """Raised by ``JobContext.raise_if_cancelled`` when the client cancelled the job."""


class JobReleased(BaseException):
    """Raised by ``JobContext.raise_if_cancelled`` when the job must go back to the queue."""
