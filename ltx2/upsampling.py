"""What LTX-2's second stage is made with: an upsampler of latents, and pipelines of its own.

In the published diffusers layout the upsampler is a folder; as a single file of its authors it has
the same tensors, and its configuration in the header (``LatentUpsamplerConfigurator`` in
Lightricks/LTX-2, ltx_core/model/upsampler/model_configurator.py).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2Pipeline
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from common.base.errors import CheckpointError
from common.contract import LoadOptions
from common.contract.hub import ExtraFiles, extra_files
from common.kinds.video.upscalers import upsampler_of
from common.runtime.lora import Lora
from common.runtime.weights import damaged, read_config, refused
from ltx2.fidelity import Conditioned
from ltx2.lora_names import to_diffusers_names

FOLDER = "latent_upsampler"
NOT_TRANSFORMER = ("text_embedding_projection.*",)
"""Of the distilled LoRA, in its own names: the authors' second stage reads the transformer's part
alone (``DiffusionStage``), and its prompt is encoded without."""


@dataclass(frozen=True)
class Refining:
    """Pipelines whose schedulers take the second stage's noise levels as they are."""

    text_to_video: LTX2Pipeline
    conditioned: Conditioned
    files: Callable[[bool], ExtraFiles | None]
    """With the LoRA or without. Looked for at each job: they may come later than the checkpoint."""

    @classmethod
    def of(cls, pipeline: LTX2Pipeline, options: LoadOptions | None) -> "Refining":
        """Of a loaded pipeline's modules."""
        plain = FlowMatchEulerDiscreteScheduler.from_config(
            pipeline.scheduler.config, use_dynamic_shifting=False, shift_terminal=None
        )
        parts = {**pipeline.components, "scheduler": plain}
        made = LTX2Pipeline(**parts), Conditioned(**parts)
        for each in made:
            each.set_progress_bar_config(disable=True)
        return cls(*made, partial(_files, options))

    def opened(self, *, lora: bool = True) -> "SecondFiles":
        """What the second stage takes, looked at as far as it costs nothing.

        Args:
            lora: whether more than latents are enlarged.

        Raises:
            CheckpointError: a file is missing, damaged or of another model.
        """
        files = self.files(lora)
        if files is None:
            raise CheckpointError(
                "the files of the second stage are not in the models folder.",
                hint="Run: scripts/download_models.sh ltx2; what is there is not fetched twice.",
            )
        loras = [
            Lora(path, to_diffusers_names, NOT_TRANSFORMER)
            for path in files.paths
            if "lora" in path.name
        ]
        weights = next(
            path
            for path in files.paths
            if path.suffix == ".safetensors" and "lora" not in path.name
        )
        config = upsampler_config(weights)
        return SecondFiles(weights, config, loras[0] if loras else None)


@dataclass(frozen=True)
class SecondFiles:
    """An upsampler's weights, what it is built like, and the LoRA where there is one."""

    weights: Path
    config: dict[str, Any]
    lora: Lora | None

    def upsampled(self, pipeline: LTX2Pipeline, latents: torch.Tensor) -> torch.Tensor:
        """Latents of twice the sides, [1, C, T, 2 H, 2 W], neither of them normalised.

        The upsampler is in memory as long as this takes.

        Args:
            pipeline: its ``vae`` has the scale of latents, and their device and format.
            latents: shape [1, C, T, H, W].

        Raises:
            CheckpointError: the weights are damaged, or do not fit their configuration.
        """
        vae: Any = pipeline.vae
        model = load_upsampler(self.weights, self.config, vae.device, vae.dtype)
        twice = LTX2LatentUpsamplePipeline(vae=vae, latent_upsampler=model)
        larger: torch.Tensor = twice(latents=latents, output_type="latent", return_dict=False)[0]
        return larger


def _files(options: LoadOptions | None, lora: bool) -> ExtraFiles | None:
    if options is None or options.extra is None or options.models_dir is None:
        return None
    extra = options.extra if lora else upsampler_of(options.extra)
    return extra_files(options.models_dir, extra)


def upsampler_config(weights: Path) -> dict[str, Any]:
    """Arguments of ``LTX2LatentUpsamplerModel``.

    Raises:
        CheckpointError: there is no configuration, or it makes another thing than twice the sides.
    """
    if weights.parent.name == FOLDER:
        config = read_config(weights.parents[1], FOLDER)
    else:
        config = _told(weights)
    known = {name: value for name, value in config.items() if not name.startswith("_")}
    if known.get("temporal_upsample") or float(known.get("rational_spatial_scale") or 2) != 2:
        raise refused(weights, f"{weights.name} does not double the sides")
    return known


def _told(weights: Path) -> dict[str, Any]:
    """What a single file says of itself, in the names of diffusers."""
    try:
        with safe_open(weights, framework="pt") as file:
            told = json.loads((file.metadata() or {})["config"])
    except (KeyError, OSError, SafetensorError, ValueError) as exc:
        raise damaged(weights, f"{weights.name} has no configuration") from exc
    return {
        "mid_channels": 512,
        **{name: told[name] for name in _SAME if name in told},
        "rational_spatial_scale": told.get("spatial_scale", 2.0),
        "use_rational_resampler": told.get("rational_resampler", False),
    }


_SAME = (
    *("in_channels", "mid_channels", "num_blocks_per_stage", "dims"),
    *("spatial_upsample", "temporal_upsample"),
)


def load_upsampler(
    weights: Path, config: dict[str, Any], device: torch.device, dtype: torch.dtype
) -> LTX2LatentUpsamplerModel:
    """Read it onto ``device``.

    Raises:
        CheckpointError: the file is damaged, or has other tensors than ``config`` asks for.
    """
    try:
        with torch.device("meta"):
            model = LTX2LatentUpsamplerModel(**config)
        stored = load_file(weights, device=str(device))
        tensors = {name: tensor.to(dtype) for name, tensor in stored.items()}
        model.load_state_dict(tensors, assign=True)
    except (OSError, SafetensorError) as exc:
        raise damaged(weights, f"{weights.name} cannot be read") from exc
    except (RuntimeError, TypeError, ValueError) as exc:
        raise refused(weights, f"{weights.name} is no upsampler of this kind") from exc
    return model.eval()
