"""Base of the options that a model of videos has for itself."""

from typing import Self

from common.contract import ModelOptions
from common.kinds.video.variants import Defaults, VideoVariant


class VideoOptions(ModelOptions):
    """Unknown names are refused, every field is described."""

    def adjusted(self, defaults: Defaults) -> Defaults:
        """What a request gets under these options that does not say; an option may change it."""
        return defaults

    def settled(
        self, variant: VideoVariant, *, guidance_scale: float, num_inference_steps: int
    ) -> Self:
        """What a job gets of them, with all that they leave open.

        Args:
            variant: the checkpoint.
            guidance_scale: of the request, as it was resolved.
            num_inference_steps: likewise.

        Raises:
            Unresolvable: the checkpoint, or so many steps, cannot have one.
        """
        del variant, guidance_scale, num_inference_steps
        return self
