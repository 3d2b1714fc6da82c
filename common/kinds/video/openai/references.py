"""Pictures inside a JSON body of OpenAI's Videos API."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from common.kinds.video.sources import FrameOf


class ImageReference(BaseModel):
    """A picture inside a JSON body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_url: str = Field(description="A `data:` URL. Addresses are not fetched.")

    @property
    def picture(self) -> str:
        """As ``image`` of a ``GenerateRequest``."""
        return self.image_url


class FrameReference(FrameOf):
    """A frame of a finished video."""

    @property
    def picture(self) -> dict[str, Any]:
        """As ``image`` of a ``GenerateRequest``."""
        return self.model_dump()


def _form(sent: Any) -> str:
    theirs = isinstance(sent, FrameReference) or (isinstance(sent, dict) and "job" in sent)
    return "[frame]" if theirs else "[picture]"


InputReference = Annotated[
    Annotated[ImageReference, Tag("[picture]")] | Annotated[FrameReference, Tag("[frame]")],
    Discriminator(_form),
]
