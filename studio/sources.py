"""What a request may say of the files that it works on, and what is known of each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from common.base.errors import Unresolvable
from common.contract.fields import JobId, object_of, worded

MAX_ADDRESS_CHARS = 2048
_OBJECT = "s3://"
_SCHEMES = ("http://", "https://", _OBJECT)
ADDRESS = worded(
    r"^(https?://[^\s\x00-\x1f]+|s3://[^\x00-\x1f]+)$",
    'must be {"job": id}, or an address that begins with http://, https:// or s3://',
)


class Form(StrEnum):
    """What a file can be."""

    VIDEO = "video"
    AUDIO = "audio"
    PICTURE = "picture"
    CAPTIONS = "captions"
    ARCHIVE = "archive"
    """A ZIP of pictures: each becomes an input of its own."""


class JobFile(BaseModel):
    """What a finished job made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: JobId = Field(description="A finished job of yours, of any service on this machine.")


class JobPicture(JobFile):
    """A picture of a finished job: the one that it made, or a frame of its video."""

    frame: int = Field(
        -1,
        ge=-1_000_000,
        le=1_000_000,
        description="Of a video: from 0; -1, left out, is the last.",
    )


Address = Annotated[str, Field(pattern=ADDRESS, max_length=MAX_ADDRESS_CHARS)]


def _form(sent: Any) -> str:
    return "[job]" if isinstance(sent, (dict, JobFile)) else "[address]"


Source = Annotated[
    Annotated[Address, Tag("[address]")] | Annotated[JobFile, Tag("[job]")],
    Discriminator(_form),
    BeforeValidator(object_of),
]
"""A finished job, or an address where the operator allows those; a form may bring the file."""


def _picture_form(sent: Any) -> str:
    if isinstance(sent, (dict, JobFile)):
        return "[job]"
    return "[address]" if is_address(sent) else "[base64]"


def is_address(sent: Any) -> bool:
    """Base64 has no colon, but in ``data:`` URLs."""
    return isinstance(sent, str) and sent.lstrip().lower().startswith(_SCHEMES)


def is_object(address: str) -> bool:
    """Whether it is one in a bucket."""
    return address.startswith(_OBJECT)


def inline_of(sent: "str | JobFile | None") -> str | None:
    """The file itself, where a picture was said by that."""
    return sent if isinstance(sent, str) and not is_address(sent) else None


PictureSource = Annotated[
    Annotated[Address, Tag("[address]")]
    | Annotated[str, Tag("[base64]")]
    | Annotated[JobPicture, Tag("[job]")],
    Discriminator(_picture_form),
    BeforeValidator(object_of),
]
"""Like a ``Source``, or base64."""


class Facts(BaseModel):
    """What a file is, as it was looked at before the job. Sides are those that a player shows."""

    model_config = ConfigDict(frozen=True)

    form: Form
    format: str
    """Also the ending of its name here."""
    seconds: float = 0
    width: int = 0
    height: int = 0
    fps: float = 0
    has_sound: bool = False
    codec: str = ""
    """FFmpeg's name, of the video; empty where there is none."""
    sound_codec: str = ""
    """FFmpeg's name."""
    sound_rate: int = 0
    """Hz."""
    cues: int = 0
    """Of captions."""

    @property
    def said(self) -> str:
        """For the record of what was asked."""
        if self.form is Form.CAPTIONS:
            return f"{self.format}, {self.cues} captions"
        size = f" {self.width}x{self.height}" if self.width else ""
        return f"{self.format}{size}, {self.seconds:g} s" if self.seconds else self.format + size


@dataclass(frozen=True)
class Wanted:
    """One file that an operation works on."""

    forms: frozenset[Form]
    """What it may be."""
    source: str | JobFile | None
    """What the body says of it; None: it was uploaded under its name, or left out. Of a picture it
    may be the file, in base64.
    """
    needed: bool = True


Found = Mapping[str, Facts]
"""What is known of the files, by their names."""
MOVING = frozenset({Form.VIDEO})
CAPTIONS = frozenset({Form.CAPTIONS})
SOUNDING = frozenset({Form.VIDEO, Form.AUDIO})
"""Of a video its sound is taken."""
SHOWN = frozenset({Form.PICTURE})
"""Of a finished video one of its frames is taken."""
ARCHIVES = frozenset({Form.ARCHIVE})


def check_sound(found: Found, name: str, hint: str) -> None:
    """Raises Unresolvable where that file is there and has no sound."""
    if name in found and not found[name].has_sound:
        raise Unresolvable(f"{name}: it has no sound.", param=name, hint=hint)
