"""Objects of a bucket: published once, whole, and looked at afterwards.

The record of what has arrived is the bucket's own. An object that is there and is the file counts
as done; a multipart upload that a kill has left is found by its name, and gone on with.
"""

import base64
import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from common.publishing.bucket.child.parts import Parts
from common.publishing.bucket.child.words import NameTaken, NotThere, status_of
from common.publishing.bucket.tasks import Claim, Hello, LocalFile

TRIES = 2
"""Of one request, without a pause worth the name; longer ones are the outbox's."""
_DIGEST = "sha256"
"""The name in an object's metadata: S3 has no checksum of the whole of what came in parts."""
_HOLDER = "job"
"""Likewise, whose an object is that a request has named."""
_SETTLED_ELSEWHERE = (409, 412)
"""There is one already, or somebody else writes it now."""


@dataclass(frozen=True)
class Objects:
    """The objects that one pair of keys can write. ``client`` is botocore's."""

    client: Any
    part_bytes: int
    alive: Callable[[], None]

    @classmethod
    def open(cls, hello: Hello, alive: Callable[[], None]) -> Self:
        """A client that asks nothing of this machine's own AWS settings."""
        config = Config(
            connect_timeout=hello.timeout,
            read_timeout=hello.timeout,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            s3={"addressing_style": "path" if hello.path_style else "virtual"},
            signature_version="s3v4",
        )
        client = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=hello.endpoint,
            region_name=hello.region,
            aws_access_key_id=hello.access_key,
            aws_secret_access_key=hello.secret_key,
            config=config,
        )
        return cls(client, hello.part_bytes, alive)

    def look(self, bucket: str) -> None:
        """Raises ClientError, or what else keeps us from it."""
        self.client.head_bucket(Bucket=bucket)

    def store(self, bucket: str, file: LocalFile) -> bool:
        """See that the object is there and is the file.

        Answers whether it has the name that was claimed for it, where one was.

        Raises:
            NameTaken: another one has its name.
            NotThere: somebody else writes it now, or has just removed it.
            OSError: the file cannot be read.
            ClientError, HTTPClientError: by botocore.
        """
        if file.claim is not None:
            with contextlib.suppress(NameTaken):
                self._store(bucket, file, file.claim.key, {_HOLDER: file.claim.job})
                return True
        self._store(bucket, file, file.key, {})
        return file.claim is None

    def _store(self, bucket: str, file: LocalFile, key: str, said: dict[str, str]) -> None:
        with file.path.open("rb") as opened:
            digest, size = hashlib.file_digest(opened, "sha256"), opened.tell()
            told = {_DIGEST: digest.hexdigest(), **said}
            self.alive()
            if self._is_it(bucket, key, told, size):
                return
            about = {
                "Bucket": bucket,
                "Key": key,
                "ContentType": file.media_type,
                "Metadata": told,
            }
            opened.seek(0)
            self._send(opened, size, about, digest.digest())
        if not self._is_it(bucket, key, told, size):
            raise NotThere
        self.alive()

    def remove(self, bucket: str, folder: str, claim: Claim | None = None) -> None:
        """Remove what is below a folder, and the object that a claim holds. Raises as ``store``."""
        if claim is not None:
            self.parts(bucket).forget_named(claim.key)
            if self.is_held(bucket, claim):
                self.client.delete_object(Bucket=bucket, Key=claim.key)
        self.parts(bucket).forget_all(folder)
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=folder):
            for found in page.get("Contents", ()):
                self.client.delete_object(Bucket=bucket, Key=found["Key"])
                self.alive()

    def parts(self, bucket: str) -> Parts:
        """Multipart uploads of a bucket."""
        return Parts(self.client, bucket, self.part_bytes, self.alive)

    def _send(self, opened: BinaryIO, size: int, about: dict[str, Any], digest: bytes) -> None:
        try:
            if size > self.part_bytes:
                claimed = _HOLDER in about["Metadata"]  # others may have begun another file there
                self.parts(about["Bucket"]).send(opened, size, about, anew=claimed)
            else:
                checksum = base64.b64encode(digest).decode()
                self.client.put_object(
                    Body=opened.read(), ChecksumSHA256=checksum, IfNoneMatch="*", **about
                )
        except ClientError as exc:
            if status_of(exc) not in _SETTLED_ELSEWHERE:
                raise

    def is_there(self, bucket: str, key: str) -> bool:
        """Whether there is an object of this name. Raises as ``store``."""
        return self._head(bucket, key) is not None

    def is_held(self, bucket: str, claim: Claim) -> bool:
        """Whether the object of a name is the job's. Raises as ``store``."""
        found = self._head(bucket, claim.key)
        return found is not None and found["Metadata"].get(_HOLDER) == claim.job

    def _is_it(self, bucket: str, key: str, told: dict[str, str], size: int) -> bool:
        """``told``: its metadata. Raises NameTaken."""
        found = self._head(bucket, key)
        if found is None:
            return False
        if (found["ContentLength"], found["Metadata"]) != (size, found["Metadata"] | told):
            raise NameTaken(key)
        return True

    def _head(self, bucket: str, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.client.head_object(Bucket=bucket, Key=key)
        except ClientError as exc:
            if status_of(exc) == 404:
                return None
            raise
        return found
