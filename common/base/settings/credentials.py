"""The settings of content credentials; ``common.media.credentials.opening`` reads the files."""

from pathlib import Path

from pydantic_settings import BaseSettings


class CredentialsSettings(BaseSettings):
    """Whether files say, signed, that a model made them."""

    content_credentials: bool = False
    """Sign every MP4 (C2PA): that a model made it, which one, and when. on or off."""
    content_credentials_certificate: Path | None = None
    """A certificate for that, in PEM, and after it those of its issuers. Empty: one is made once,
    which proves to strangers that a file is unchanged, and not whose it is."""
    content_credentials_key: Path | None = None
    """The private key of that certificate, in PEM, without a password."""
    content_credentials_prompt: bool = False
    """Sign the prompt too, for all to read."""
