"""Pipelines on the weights of a Wan case, and what their transformers are asked in a run.

The authors' runs were given their text and CLIP features, and TI2V-5B's its encoded picture. The
models that would make them are replaced by ones that answer with what was given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModel,
    UMT5Config,
    UMT5EncoderModel,
)

from common.kinds.video.resolved import ResolvedRequest
from tests.parity.official import Case
from wan21.image_to_video import WholePicturePipeline

PROMPT, NEGATIVE_PROMPT = "text", "text_negative"
"""The prompts of a case are the names of the tensors that stand for them."""


class GivenText(UMT5EncoderModel):  # type: ignore[misc]  # untyped base
    """Answers token ``i`` with row ``i`` of ``table``."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__(UMT5Config(vocab_size=8, d_model=8, d_kv=4, d_ff=8, num_layers=1))
        self.table = table

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=self.table[ids])


class GivenTokens:
    """The tokenizer that goes with it: a prompt's tokens are the rows of its tensor."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        first = len(tensors[PROMPT])
        self.tokens = {
            PROMPT: torch.arange(first),
            NEGATIVE_PROMPT: torch.arange(first, first + len(tensors[NEGATIVE_PROMPT])),
        }

    def __call__(self, prompts: list[str], max_length: int, **_: Any) -> SimpleNamespace:
        ids = torch.zeros(len(prompts), max_length, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            tokens = self.tokens[prompt]
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        return SimpleNamespace(input_ids=ids, attention_mask=mask)


class GivenFeatures(CLIPVisionModel):  # type: ignore[misc]  # untyped base
    """Answers any pictures with ``features`` [pictures, 257, D]."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__(
            CLIPVisionConfig(
                hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
            )
        )
        self.features = features

    def forward(self, pixel_values: torch.Tensor, output_hidden_states: bool) -> SimpleNamespace:
        assert pixel_values.shape == (len(self.features), 3, 224, 224)
        return SimpleNamespace(hidden_states=(self.features, None))


class GivenPicture(AutoencoderKLWan):  # type: ignore[misc]  # untyped base
    """TI2V-5B's compression; encodes any picture as ``latents`` [1, 48, 1, H, W]."""

    latents: torch.Tensor

    @classmethod
    def of(cls, tensors: dict[str, torch.Tensor]) -> "GivenPicture":
        vae = cls(
            base_dim=4,
            z_dim=48,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
            latents_mean=[0.0] * 48,
            latents_std=[1.0] * 48,
        )
        if "first_frame_latents" in tensors:
            vae.latents = tensors["first_frame_latents"][None]
        return vae

    def encode(self, pixels: torch.Tensor) -> SimpleNamespace:
        assert pixels.shape[2] == 1
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: self.latents))


def vae_of(case: Case) -> AutoencoderKLWan:
    """Wan 2.1's, on the weights that the case names."""
    vae = AutoencoderKLWan(**case.facts["vae_config_diffusers"]).eval()
    vae.load_state_dict(case.weights(case.facts["vae_weights"]))
    return vae


def pipeline_of(case: Case) -> Any:
    """As ``load`` makes it from a published checkpoint, in float32.

    The scheduler has the values of the published ``scheduler_config.json``, but for the shift,
    which must come from the request.
    """
    facts, tensors = case.facts, case.tensors()
    transformer = WanTransformer3DModel(**facts["transformer_config_diffusers"]).eval()
    transformer.load_state_dict(case.weights(facts["weights"]))
    parts = {
        "tokenizer": GivenTokens(tensors),
        "text_encoder": GivenText(torch.cat([tensors[PROMPT], tensors[NEGATIVE_PROMPT]])),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0
        ),
        "transformer": transformer,
    }
    pipeline = _assembled(case, tensors, parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _assembled(case: Case, tensors: dict[str, torch.Tensor], parts: dict[str, Any]) -> Any:
    match case.facts["kind"]:
        case "t2v":
            small = AutoencoderKLWan(base_dim=4, z_dim=16, num_res_blocks=1)  # never called
            return WanPipeline(**parts, vae=small)
        case "i2v" | "flf2v":
            encoder = GivenFeatures(tensors["clip_features"])
            processor = CLIPImageProcessorPil()
            return WholePicturePipeline(
                **parts, vae=vae_of(case), image_encoder=encoder, image_processor=processor
            )
        case "ti2v-5B":
            return WanPipeline(**parts, vae=GivenPicture.of(tensors), expand_timesteps=True)
        case unknown:
            raise NotImplementedError(f"{case}: nothing here runs a case of kind {unknown}")


def request_of(case: Case, folder: Path) -> ResolvedRequest:
    """The job that asks for what the authors made. Its picture is written into ``folder``."""
    facts, tensors = case.facts, case.tensors()
    picture = folder / "image.png"
    if "image_uint8" in tensors:
        Image.fromarray(tensors["image_uint8"].numpy()).save(picture)
    last = folder / "last_image.png"
    if "last_image_uint8" in tensors:
        Image.fromarray(tensors["last_image_uint8"].numpy()).save(last)
    return ResolvedRequest(
        prompt=PROMPT,
        negative_prompt=NEGATIVE_PROMPT,
        width=facts["width"],
        height=facts["height"],
        num_frames=facts["num_frames"],
        fps=16,
        seed=facts["seed"],
        num_inference_steps=facts["steps"],
        guidance_scale=facts["guide_scale"],
        image=picture if picture.exists() else None,
        last_image=last if last.exists() else None,
        options={"flow_shift": facts["shift"]},
    )


@dataclass(frozen=True)
class Pass:
    """One call of the transformer: what it was given, and what it predicted."""

    hidden_states: torch.Tensor
    timestep: torch.Tensor
    text: torch.Tensor
    features: torch.Tensor | None
    predicted: torch.Tensor


def passes_of(transformer: Any, run: Callable[[], torch.Tensor]) -> tuple[list[Pass], torch.Tensor]:
    """Every pass of a run, with the prompt and without in turns; and what the run made."""
    passes: list[Pass] = []

    def note(_module: Any, _args: Any, given: dict[str, Any], answer: Any) -> None:
        passes.append(
            Pass(
                given["hidden_states"].clone(),
                given["timestep"],
                given["encoder_hidden_states"],
                given.get("encoder_hidden_states_image"),
                answer[0].clone(),
            )
        )

    hook = transformer.register_forward_hook(note, with_kwargs=True)
    try:
        return passes, run()
    finally:
        hook.remove()
