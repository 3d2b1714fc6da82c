"""What a request calls the file that is made: its name in a bucket, and of its download."""

from common.base.errors import InvalidRequest
from common.contract.work import Adjustment
from common.publishing.bucket.names import MAX_ASKED_BYTES, object_name
from studio.requests import JobFields


def name_of(asked: JobFields, *, has_bucket: bool) -> tuple[str | None, tuple[Adjustment, ...]]:
    """The name with its folders, None where nothing is said; and what of it was left out.

    Raises:
        InvalidRequest: naming the field, and what is wrong with it.
    """
    path, name = asked.path or "", asked.output_filename
    if name is None and not path:
        return None, ()
    if name is None:
        raise InvalidRequest(
            "output_filename is missing.",
            param="output_filename",
            hint="path is only the folder that it goes to.",
        )
    whole = object_name("", path, name, most=MAX_ASKED_BYTES)
    if has_bucket or not path:
        return whole, ()
    reason = "folders are a bucket's, and this service has none (S3_BUCKET)"
    return name, (Adjustment(field="path", requested=path, resolved="", reason=reason),)
