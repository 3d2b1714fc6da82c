"""Step caches around a transformer, for one job: diffusers' own, as its ``enable_cache`` has them.

Their hooks, and all that they keep, are gone when the job leaves, however it does: nothing of a
job reaches the next one. The two passes of guidance each have a state of their own, by the
``cache_context`` that the pipelines are in.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

from diffusers import FirstBlockCacheConfig, MagCacheConfig
from pydantic import TypeAdapter, ValidationError

from common.base.errors import CheckpointError
from common.base.settings import SettingsError
from common.contract import LoadOptions
from common.contract.step_caches import StepCache, StepCaching
from common.runtime.weights import checkpoint_name, damaged

RATIOS_FILE = "mag_ratios.json"
"""Beside ``model_index.json``: a checkpoint's own ratios, for those that nobody published."""

_RATIOS = TypeAdapter(tuple[float, ...])


@dataclass(frozen=True)
class StepCaches:
    """Those of a loaded checkpoint."""

    checkpoint: str
    mag_ratios: tuple[float, ...]
    """Length of what a step adds over that of the step before, first to last; empty: not known."""
    in_the_way: tuple[str, ...] = ()
    """Settings that they do not go together with."""

    @classmethod
    def of(
        cls, checkpoint: Path, options: LoadOptions, published: Mapping[str, Sequence[float]]
    ) -> "StepCaches":
        """With the checkpoint's own ratios, or else those that are published for its hub id.

        Raises:
            CheckpointError: its own cannot be read.
        """
        name = checkpoint_name(checkpoint)
        on = {"COMPILE_BLOCKS": options.compile_blocks, "GROUP_OFFLOAD": options.group_offload}
        in_the_way = tuple(setting for setting in on if on[setting])
        return cls(name, _own(checkpoint) or tuple(published.get(name, ())), in_the_way)

    @contextmanager
    def applied(self, transformer: Any, caching: StepCaching) -> Iterator[None]:
        """Steps are cached inside of the block.

        Raises:
            CheckpointError: the cache goes by ratios that nobody knows.
            SettingsError: a setting is in the way.
        """
        if self.in_the_way:
            names = " and ".join(self.in_the_way)
            raise SettingsError(f"step_cache and {names} do not go together: leave one out.")
        transformer.enable_cache(self._config(caching))
        try:
            yield
        finally:
            transformer.disable_cache()

    def _config(self, caching: StepCaching) -> FirstBlockCacheConfig | MagCacheConfig:
        if caching.cache is StepCache.FIRST_BLOCK:
            return FirstBlockCacheConfig(threshold=caching.threshold)
        if not self.mag_ratios:
            raise CheckpointError(
                f"nobody has measured the ratios of {self.checkpoint} that the step cache needs.",
                hint=f"Choose {StepCache.FIRST_BLOCK} in options.step_cache.",
            )
        return MagCacheConfig(
            threshold=caching.threshold,
            num_inference_steps=caching.num_inference_steps,
            mag_ratios=list(self.mag_ratios),
        )


def with_step_cache(pipeline: Any, caching: StepCaching | None) -> AbstractContextManager[None]:
    """What a pipeline, whose ``step_caches`` its ``load`` has set, is to be run inside of."""
    if caching is None:
        return nullcontext()
    applied: AbstractContextManager[None] = pipeline.step_caches.applied(
        pipeline.transformer, caching
    )
    return applied


def _own(checkpoint: Path) -> tuple[float, ...]:
    try:
        return _RATIOS.validate_json((checkpoint / RATIOS_FILE).read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as exc:
        raise damaged(checkpoint, f"{RATIOS_FILE} cannot be read") from exc
