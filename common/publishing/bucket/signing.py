"""Presigned addresses: who has one may do the one thing that it says, for a while."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from common.publishing.bucket.opening import Server


def presigned(
    server: Server,
    bucket: str,
    key: str,
    *,
    seconds: int,
    said: Mapping[str, str] | None = None,
    public: bool = False,
) -> str:
    """An address that answers GET with an object (AWS Signature Version 4, in the query).

    Blocks: it reads the keys, and at its first call imports what signs.

    Args:
        server: whose it is.
        bucket: where it is.
        key: its name.
        seconds: how long it is good.
        said: headers of the answer, by the names that S3 has for them in a query.
        public: for clients, who may know the server by another name.

    Raises:
        SettingsError: the keys cannot be read now.
    """
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    query = f"?{urlencode(said, quote_via=quote)}" if said else ""
    address = object_address(server, bucket, key, public=public)
    request = AWSRequest("GET", address + query)
    S3SigV4QueryAuth(server.keys(), "s3", server.region, expires=seconds).add_auth(request)
    return str(request.url)


def object_address(server: Server, bucket: str, key: str, *, public: bool = False) -> str:
    """Where an object is; nothing else of its name than letters, digits and -._~/ is as it was."""
    parts = urlsplit(server.public if public else server.endpoint)
    name = quote(key, safe="/~")
    if server.path_style:
        return f"{parts.scheme}://{parts.netloc}{parts.path}/{bucket}/{name}"
    return f"{parts.scheme}://{bucket}.{parts.netloc}{parts.path}/{name}"
