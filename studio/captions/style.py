"""How burned-in captions look."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.contract.fields import Colour, worded

FONT = worded(r"^[\w .+-]{1,64}$", 'must be the name of a family of fonts, as in "Noto Sans"')


class Style(BaseModel):
    """Lengths are parts of the picture's height, in percent: one style fits every size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    font: Annotated[str, Field(pattern=FONT)] = Field(
        "Noto Sans", description="A family that the service has; another one stands in for it."
    )
    size: float = Field(5.0, ge=1, le=30, description="Of letters, percent of the height.")
    bold: bool = True
    colour: Colour = "#ffffff"
    outline_colour: Colour = "#000000"
    outline: float = Field(0.35, ge=0, le=5, description="Percent of the height.")
    box: bool = Field(False, description="A box in the outline's colour behind the letters.")
    place: Literal["bottom", "middle", "top"] = "bottom"
    margin: float | None = Field(
        None,
        ge=0,
        le=45,
        description="From the edge. Left out: 6, and 14 in upright pictures,"
        " whose players draw their buttons there.",
    )
    side_margin: float | None = Field(
        None, ge=0, le=45, description="Percent of the width. Left out: 5, upright 8."
    )
    highlight: Colour = Field("#ffd400", description="Of the word that is spoken.")
    karaoke: Literal["none", "word", "sweep"] = Field(
        "none", description="`word` colours the word that is spoken, `sweep` all up to there."
    )

    def margins(self, width: int, height: int) -> tuple[int, int]:
        """Pixels from the upper or lower edge, and from the sides."""
        upright = height > width
        edge = self.margin if self.margin is not None else 14.0 if upright else 6.0
        side = self.side_margin if self.side_margin is not None else 8.0 if upright else 5.0
        return round(height * edge / 100), round(width * side / 100)
