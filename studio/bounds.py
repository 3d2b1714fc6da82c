"""How large the files may be that the cutting room takes."""

from dataclasses import dataclass

from common.base.settings import MIB, Settings


@dataclass(frozen=True)
class Bounds:
    """One operator's."""

    max_bytes: int
    max_pixels: int
    """Of a frame."""
    max_picture_pixels: int
    max_seconds: float

    @classmethod
    def of(cls, settings: Settings, max_seconds: float) -> "Bounds":
        """Pixels as every service has them; films here are longer than a model's."""
        most = int(settings.fetch_max_mb * MIB)
        pixels = settings.max_input_video_pixels, settings.max_image_pixels
        return cls(most, *pixels, max_seconds)
