"""Base of the options that a model of videos has for itself."""

from typing import Self

from common.contract import ModelOptions
from common.kinds.video.variants import Defaults, VideoVariant


class VideoOptions(ModelOptions):
    """Unknown names are refused, every field is described."""

    def adjusted(self, defaults: Defaults) -> Defaults:
        """What a request gets under these options that does not say; an option may change it."""
        return defaults

    def completed(self, variant: VideoVariant, guidance_scale: float) -> Self:
        """These options, and what was left out where it depends on the checkpoint.

        Args:
            variant: the checkpoint.
            guidance_scale: of the request, as it was resolved.

        Raises:
            Unresolvable: one is outside what this checkpoint can do.
        """
        return self
