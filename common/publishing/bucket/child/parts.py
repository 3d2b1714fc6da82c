"""Multipart uploads that survive a kill: what has arrived is asked of the bucket."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from common.publishing.bucket.child.words import code_of, status_of

MOST_PARTS = 10_000
"""Of one object (Amazon S3 User Guide, "Amazon S3 multipart upload limits")."""


@dataclass(frozen=True)
class Parts:
    """Multipart uploads of one bucket. ``client`` is botocore's."""

    client: Any
    bucket: str
    part_bytes: int
    alive: Callable[[], None]

    def send(self, file: BinaryIO, size: int, about: dict[str, Any], *, anew: bool = False) -> None:
        """Upload a file of more than one part; no object of its name is ever replaced.

        ``about``: names and headers of the object. ``anew``: whatever was begun there is aborted,
        and not gone on with. Raises ClientError, 412 where there is one.
        """
        key, part_bytes = str(about["Key"]), max(self.part_bytes, -(-size // MOST_PARTS))
        if anew:
            self.forget_named(key)
        upload = (None if anew else self._begun(key)) or self._begin(about)
        arrived, sent = self._arrived(key, upload), list[dict[str, Any]]()
        while chunk := file.read(part_bytes):
            number, digest = len(sent) + 1, hashlib.md5(chunk, usedforsecurity=False)
            tag = arrived.get((number, len(chunk), digest.hexdigest()))
            sent.append(self._part(key, upload, number, chunk, tag))
            self.alive()
        try:
            self.client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": sent},
                IfNoneMatch="*",
            )
        except ClientError as exc:
            if status_of(exc) == 412:
                self.forget(key, upload)
            raise

    def forget_all(self, folder: str) -> None:
        """Abort what was begun below a folder."""
        for found in self._unfinished(folder):
            self.forget(found["Key"], found["UploadId"])

    def forget_named(self, key: str) -> None:
        """Abort what was begun of one object."""
        for found in self._unfinished(key):
            if found["Key"] == key:
                self.forget(key, found["UploadId"])

    def forget(self, key: str, upload: str) -> None:
        """Abort an upload, if there is one: its parts cost room."""
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
        except ClientError as exc:
            if code_of(exc) != "NoSuchUpload" and status_of(exc) != 404:
                raise

    def _begun(self, key: str) -> str | None:
        """The newest upload of an object that nobody has finished; older ones are aborted."""
        mine = [found for found in self._unfinished(key) if found["Key"] == key]
        mine.sort(key=lambda found: found["Initiated"])
        for older in mine[:-1]:
            self.forget(key, older["UploadId"])
        return str(mine[-1]["UploadId"]) if mine else None

    def _begin(self, about: dict[str, Any]) -> str:
        begun = self.client.create_multipart_upload(ChecksumAlgorithm="SHA256", **about)
        return str(begun["UploadId"])

    def _unfinished(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            yield from page.get("Uploads", ())

    def _arrived(self, key: str, upload: str) -> dict[tuple[int, int, str], str]:
        """Tags of parts, by number, size and MD5. Where a tag is no MD5, none is found by it."""
        pages = self.client.get_paginator("list_parts")
        return {
            (part["PartNumber"], part["Size"], part["ETag"].strip('"')): part["ETag"]
            for page in pages.paginate(Bucket=self.bucket, Key=key, UploadId=upload)
            for part in page.get("Parts", ())
        }

    def _part(
        self, key: str, upload: str, number: int, chunk: bytes, tag: str | None
    ) -> dict[str, Any]:
        """Upload a part, unless it has arrived; its checksum is looked at by the server."""
        checksum = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
        if tag is None:
            tag = self.client.upload_part(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload,
                PartNumber=number,
                Body=chunk,
                ChecksumSHA256=checksum,
            )["ETag"]
        return {"PartNumber": number, "ETag": tag, "ChecksumSHA256": checksum}
