"""What a request may say of the videos and pictures that it works from.

A finished job of any service of the stack can stand for an upload, so that nobody downloads a video
to send it again.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from common.contract.fields import FinishedJob, JobId, contradiction, object_of
from common.contract.work import WorkRequest

MAX_KEYFRAMES = 8
MAX_REFERENCES = 4

Moment = Annotated[float, Field(ge=0, le=3600)]


class Reference(BaseModel):
    """A finished job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: JobId = Field(description="A finished job of yours, of any service on this machine.")


class FrameOf(Reference):
    """A frame of a finished video."""

    frame: int = Field(
        -1, ge=-1_000_000, le=1_000_000, description="From 0; -1, left out, is the last."
    )


class VideoOf(Reference):
    """A finished video."""


class Retake(Reference):
    """A span of a finished video, in seconds."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True
    )

    begin: Moment = Field(alias="from", description="Where it begins, in seconds.")
    end: Moment = Field(alias="to", description="Where it ends, in seconds.")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.begin >= self.end:
            raise contradiction("retake.to must be after retake.from")
        return self


def _form(sent: Any) -> str:
    return "[frame]" if isinstance(sent, (dict, FrameOf)) else "[text]"


PictureField = Annotated[
    Annotated[str, Tag("[text]")] | Annotated[FrameOf, Tag("[frame]")],
    Discriminator(_form),
    BeforeValidator(object_of),
]
"""Base64, or a frame of a finished video."""


class Keyframe(BaseModel):
    """A picture that the video shows at one of its frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: PictureField = Field(description="Given like `image`: base64, or a frame of a job.")
    frame: int = Field(
        ge=-1_000_000,
        le=1_000_000,
        description="From 0, of what is made; -1 is the last, as `last_image`.",
    )
    strength: float = Field(1.0, gt=0, le=1, description="1 keeps to it, less follows it loosely.")


class Sources(BaseModel):
    """The fields of a request that begins with a video, or has pictures at some frames."""

    last_image: PictureField | None = Field(
        None, description="Last frame, on models that list `last_image`; given like `image`."
    )
    keyframes: Annotated[tuple[Keyframe, ...], Field(max_length=MAX_KEYFRAMES)] | None = Field(
        None, description="Pictures that it shows on its way, on models that list `keyframes`."
    )
    reference_images: (
        Annotated[tuple[PictureField, ...], Field(max_length=MAX_REFERENCES)] | None
    ) = Field(
        None,
        description="Pictures of who or what it shows, as no frame of it, on models that list "
        "`reference_images`; each given like `image`.",
    )
    video: VideoOf | None = Field(
        None,
        description="Continued by models that list `video_continuation`, followed frame by frame "
        "(depth, poses, lines) by those that list `control_video`; with `strength`, made "
        "anew in the words of the prompt. A finished job's, or upload it as the multipart field "
        "`video`.",
    )
    strength: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How far `video` is made anew: 0.8 keeps layout and motion, 1 hardly anything. "
        "0 leaves it as it is, to be made smoother or larger alone: no prompt, no model, no GPU.",
    )
    extend: FinishedJob | None = Field(
        None,
        description="A finished job whose video goes on: all of it, and behind it what is new.",
    )
    retake: Retake | None = Field(
        None, description="A span of a finished video to make anew; the rest of it stays."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.video, self.extend, self.retake).count(None) < 2:
            raise contradiction("give one of video, extend and retake")
        return self


class Beginnings(Sources, WorkRequest):
    """With the picture that a video begins with."""

    image: PictureField | None = Field(
        None,
        description="First frame for image-to-video, base64 (a `data:` URL is fine), or a frame "
        "of a finished job. Or upload it as the multipart field `image`.",
    )

    @property
    def used_jobs(self) -> Mapping[str, str]:
        fields = {name: getattr(self, name) for name in Beginnings.model_fields}
        for index, key in enumerate(self.keyframes or ()):
            fields[f"keyframes.{index}.image"] = key.image
        for index, picture in enumerate(self.reference_images or ()):
            fields[f"reference_images.{index}"] = picture
        named = {name: of.job for name, of in fields.items() if isinstance(of, Reference)}
        return named | ({} if self.extend is None else {"extend": self.extend})

    def recorded(self, **which: Any) -> dict[str, Any]:
        """As the class above; of pictures in lists their place is kept, but no file."""
        record = super().recorded(**which)
        for key, kept in zip(self.keyframes or (), record.get("keyframes") or (), strict=False):
            if isinstance(key.image, str):
                del kept["image"]
        if record.get("reference_images"):
            sent = record["reference_images"]
            record["reference_images"] = [None if isinstance(one, str) else one for one in sent]
        return record
