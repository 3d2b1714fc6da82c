"""Step caches: what a denoising step adds is taken from an earlier step where the two are alike."""

from dataclasses import dataclass
from enum import StrEnum


class StepCache(StrEnum):
    """How it is told that a step would add what an earlier one did. Both are diffusers'."""

    FIRST_BLOCK = "first_block"
    """The first block is computed at each step: does it add what it added before?"""
    MAG = "mag"
    """By how much the length of what is added was seen to change from step to step."""

    @property
    def kept_tensors(self) -> int:
        """What a pass leaves for the next step, in tensors [tokens, width].

        ``FBCSharedBlockState`` has the first block's output, what that block added, and what the
        others did; ``MagCacheState`` has what the blocks were given, and what they added
        (diffusers 0.42.1, hooks/first_block_cache.py and hooks/mag_cache.py).
        """
        return 3 if self is StepCache.FIRST_BLOCK else 2


@dataclass(frozen=True)
class StepCaching:
    """A job's cache. A higher ``threshold`` leaves more out, and is further from the whole."""

    cache: StepCache
    threshold: float
    num_inference_steps: int
