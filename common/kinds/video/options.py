"""Base of the options that a model of videos has for itself."""

from common.contract import ModelOptions
from common.kinds.video.variants import Defaults


class VideoOptions(ModelOptions):
    """Unknown names are refused, every field is described."""

    def adjusted(self, defaults: Defaults) -> Defaults:
        """What a request gets under these options that does not say; an option may change it."""
        return defaults
