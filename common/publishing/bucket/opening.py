"""Whose bucket it is, and by which keys: the settings, looked at once."""

from dataclasses import dataclass
from pathlib import Path

from common.base.settings import Settings, SettingsError


@dataclass(frozen=True)
class Keys:
    """An access key, with the names that botocore has for its parts."""

    access_key: str
    secret_key: str
    token: None = None


@dataclass(frozen=True)
class Server:
    """An S3 server as its addresses are built and signed."""

    endpoint: str
    """Without a slash at its end."""
    public: str
    """The same, as clients reach it."""
    region: str
    path_style: bool
    timeout: float
    settings: Settings

    def keys(self) -> Keys:
        """Read anew each time, so that a file may change. Blocks. Raises SettingsError."""
        return read_keys(self.settings)


def s3_server(settings: Settings) -> Server | None:
    """The server that the settings name; None where there is neither a bucket nor inputs.

    Raises:
        SettingsError: the keys are missing, or are none.
    """
    if settings.s3_bucket is None and not settings.s3_input_buckets:
        return None
    read_keys(settings)
    own = settings.s3_endpoint_url
    endpoint = str(own or f"https://s3.{settings.s3_region}.amazonaws.com").rstrip("/")
    style = settings.s3_path_style
    return Server(
        endpoint=endpoint,
        public=str(settings.s3_public_url or endpoint).rstrip("/"),
        region=settings.s3_region,
        path_style=own is not None if style is None else style,
        timeout=settings.s3_timeout_seconds,
        settings=settings,
    )


def read_keys(settings: Settings) -> Keys:
    """The keys that the settings name. Raises SettingsError."""
    words = _text(settings).split()
    if len(words) != 2:
        raise SettingsError(
            "S3_KEYS: it must be the id of an access key and its secret, with a space or the end "
            "of a line between them.",
            param="S3_KEYS",
            hint="Write them into a file, and name it in S3_KEYS_FILE; with compose: "
            "secrets/s3_keys.",
        )
    return Keys(access_key=words[0], secret_key=words[1])


def _text(settings: Settings) -> str:
    if settings.s3_keys is not None:
        return settings.s3_keys.get_secret_value()
    return "" if settings.s3_keys_file is None else _read(settings.s3_keys_file)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(
            "S3_KEYS_FILE: the file cannot be read.",
            param="S3_KEYS_FILE",
            hint="It must be a text file that this process may read.",
        ) from exc
