"""What went wrong with a bucket, in words for people; never the server's own."""

import re
import traceback

from botocore import exceptions as s3

from common.publishing.bucket.tasks import Failed

_CODE = re.compile(r"[A-Za-z]{1,60}")
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden"})
_BROKEN = (
    (s3.SSLError, "The certificate of the bucket's server is not trusted."),
    (s3.ReadTimeoutError, "The bucket's server does not answer in time."),
    (s3.ConnectTimeoutError, "The bucket's server cannot be reached in time."),
    (s3.EndpointConnectionError, "The bucket's server cannot be reached."),
    (s3.HTTPClientError, "The connection to the bucket's server broke."),
)
"""The first that fits; later ones are more general."""


class NameTaken(Exception):
    """An object of this name is there, and it is another one."""


class NotThere(Exception):
    """An object is not there after its upload."""


def failure(exc: Exception) -> Failed:
    """What an exception of a task means."""
    for kind, words in _BROKEN:
        if isinstance(exc, kind):
            return Failed(words=words, of_bucket=True)
    if isinstance(exc, s3.ClientError):
        return Failed(words=_answered(exc), of_bucket=True)
    if isinstance(exc, NameTaken):
        words = f"The bucket has another object of the name {exc}: it stays as it is."
        return Failed(words=words, of_bucket=False)
    if isinstance(exc, NotThere):
        return Failed(words="The bucket does not have what was just uploaded.", of_bucket=False)
    if isinstance(exc, FileNotFoundError):
        return Failed(words="A file left the disk before it was uploaded.", of_bucket=False)
    if isinstance(exc, OSError):
        return Failed(words="A file cannot be read from the disk.", of_bucket=False)
    detail = "".join(traceback.format_exception(exc))
    return Failed(words="The upload failed: the log says why.", of_bucket=False, detail=detail)


def code_of(exc: s3.ClientError) -> str:
    """The error's name in S3, as in NoSuchKey; for an answer without a body, its status."""
    return str(exc.response.get("Error", {}).get("Code", ""))


def status_of(exc: s3.ClientError) -> int:
    """Of the answer."""
    return int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answered(exc: s3.ClientError) -> str:
    code, status = code_of(exc), status_of(exc)
    if code == "NoSuchBucket" or (exc.operation_name == "HeadBucket" and status == 404):
        return "There is no such bucket."
    if code == "RequestTimeTooSkewed":
        return "The clocks of this machine and of the bucket's server differ too much."
    if code in _REFUSED or status in (401, 403):
        return "The bucket refuses these keys, or does not let them do this."
    named = f" ({code})" if _CODE.fullmatch(code) else ""
    return f"The bucket answers {status}{named}."
