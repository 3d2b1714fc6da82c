"""Files that a request names in a bucket, ``s3://bucket/name``, of those that may be read."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.base.settings import Settings, SettingsError
from common.publishing.bucket.inputs import S3Address, fetch_s3_input, input_buckets, s3_address
from common.publishing.bucket.opening import s3_server
from common.publishing.bucket.reading import BucketUnavailable
from studio.fetching import Broken, Way, check_address
from studio.sources import is_object


def check_source(address: str, settings: Settings) -> None:
    """Whether a file may be fetched from there, as far as the address tells.

    Raises:
        InvalidRequest: it may not; without a field's name.
    """
    if is_object(address):
        s3_address(address, input_buckets(settings))
    else:
        check_address(address, settings)


@dataclass(frozen=True)
class Objects:
    """Of one worker."""

    settings: Settings
    max_bytes: int

    def way(self, address: str) -> Way:
        """How one is fetched. Raises InvalidRequest."""
        return partial(self._fetch, s3_address(address, input_buckets(self.settings)))

    async def _fetch(self, address: S3Address, part: Path) -> None:
        try:
            server = s3_server(self.settings)
            assert server is not None  # noqa: S101  # a bucket is allowed
            await fetch_s3_input(server, address, part, self.max_bytes)
        except BucketUnavailable as exc:
            said = exc.body.message.removesuffix(".")
            raise Broken(said[:1].lower() + said[1:], exc.body.hint or "Try again later.") from exc
        except SettingsError as exc:
            raise Broken("this service cannot read its keys", _OPERATOR) from exc


_OPERATOR = "The service's operator knows S3_KEYS_FILE."
