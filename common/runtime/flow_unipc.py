"""UniPC for flow matching, over the noise levels that the models were trained on."""

from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import UniPCMultistepScheduler

from common.runtime.from_video import SkipsSteps


class FlowUniPCScheduler(SkipsSteps, UniPCMultistepScheduler):  # type: ignore[misc]  # untyped base
    """Takes its steps evenly from the highest trained noise level down to none, then shifts them.

    diffusers 0.42.1 spreads them from 1 to 1 / 1000 instead, and most steps fall on other
    timesteps for it. Grid: Wan-Video/Wan2.1, wan/utils/fm_solvers_unipc.py, ``sigma_max`` to
    ``sigma_min``.
    """

    def set_timesteps(
        self,
        num_inference_steps: int,
        device: str | torch.device | None = None,
        **arguments: Any,
    ) -> None:
        """Start a sampling of ``num_inference_steps``; the last noise level, 0, comes on top."""
        highest = 1 - 1 / self.config.num_train_timesteps
        grid = np.linspace(highest, 0, num_inference_steps + 1)[:-1]
        super().set_timesteps(device=device, sigmas=grid, **arguments)
        self.skip_steps()
