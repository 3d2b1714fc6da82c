"""The cutting room's own options: none, every field of an operation is one of its request's."""

from common.contract import ModelOptions


class StudioOptions(ModelOptions):
    """No field."""
