"""The trainer's own options: none yet."""

from common.contract import ModelOptions


class TrainerOptions(ModelOptions):
    """Every field of a training is one of the request's."""
