"""What may be asked of a film of pictures."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from common.contract.fields import Size
from common.contract.left_out import MayBeLeftOut
from studio.operations.film.motion import Motion
from studio.sources import ARCHIVES, SHOWN, SOUNDING, PictureSource, Source, Wanted, inline_of
from studio.tasks import Task
from studio.variants import DEFAULTS, LIMITS

IMAGES = "images"
ZOOM = 1.324
"""The closest, where nothing is said: 1 + 0.324 * on / frames."""
SECONDS = 4.0
ShotSeconds = Annotated[float, Field(ge=0.1, le=60)]


class Shot(MayBeLeftOut):
    """One picture, and how long it is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    id: str | int | None = Field(None, description="Your own word for it: it is only recorded.")
    image: PictureSource | None = Field(
        None,
        validation_alias=AliasChoices("image", "image_url"),
        description="Base64 (a `data:` URL is fine), a finished job, or an address."
        " `image_url` is the same.",
    )
    seconds: ShotSeconds | None = Field(
        None,
        validation_alias=AliasChoices("seconds", "duracao"),
        description="Left out, those that are said for all. `duracao` is the same.",
    )
    motion: Motion | None = Field(None, description="Left out, the one that is said for all.")

    @model_serializer(mode="wrap")
    def _without_file(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """No record repeats a file."""
        record: dict[str, Any] = handler(self)
        if inline_of(self.image) is not None:
            record.pop("image", None)
        return record


class Film(Task):
    """Pictures, each with its seconds and its motion."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True
    )

    operation: Literal["img2vid"] = "img2vid"
    images: Annotated[tuple[Shot, ...], Field(max_length=LIMITS.max_pictures)] = Field(
        (),
        description="In their order. Or upload a ZIP of pictures under this name: they are shown in"
        " the order of their names.",
    )
    output: Literal["film", "clips"] = Field(
        "film", alias="as", description="One film, or a ZIP with a clip of each picture."
    )
    seconds: ShotSeconds = Field(SECONDS, description="Of each picture that says nothing else.")
    motion: Motion = Field("zoom_in", description="Likewise.")
    zoom: float = Field(ZOOM, ge=1, le=3, description="How close the camera comes.")
    fit: Literal["cover", "pad"] = Field(
        "cover",
        description="A picture of another shape than the film's: cut it, or show it whole on a"
        " blurred copy of itself.",
    )
    resolution: Size = Field(DEFAULTS.resolution, description="Width x height in pixels.")
    fps: float = Field(DEFAULTS.fps, ge=1, le=60, description="Frames a second.")
    crossfade: float = Field(
        0,
        ge=0,
        le=10,
        description="Seconds in which a picture appears over the one before. Each still begins at"
        " its own time, and the film gets no shorter.",
    )
    audio: Source | None = Field(
        None,
        validation_alias=AliasChoices("audio", "url_audio"),
        description="Music: a finished job or an address; or upload it. It begins again where it is"
        " too short, and is cut where it is too long. Its loudness stays.",
    )
    fade_out: float | None = Field(
        None, ge=0, le=60, description="Of the music, seconds. Left out: 2, at most half the film."
    )

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """The pictures by their places; without any, the ZIP."""
        may = partial(Wanted, needed=False)  # what is missing is told where a film is planned
        pictures = {
            picture_name(index): may(SHOWN, shot.image) for index, shot in enumerate(self.images)
        }
        return {**(pictures or {IMAGES: may(ARCHIVES, None)}), "audio": may(SOUNDING, self.audio)}


def picture_name(index: int) -> str:
    """Of the input that one picture is, also of those that came in a ZIP."""
    return f"{IMAGES}.{index}.image"
