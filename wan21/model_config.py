"""Wan2.1 as a service, VACE and Wan2.2's A14B too: checkpoints, limits, defaults, costs.

Weights are Apache-2.0 and ungated. Imports no torch: the API process reads this too.
"""

from dataclasses import replace

from common.contract import ModelSpec, Quantization
from common.contract.deferred import Deferred, PipelineModule
from common.kinds.video import VIDEO_KIND, Capability, Defaults, Limits, Preset, VideoVariant
from common.kinds.video.presets import presets
from common.runtime.keep_dit import saved_bytes
from wan21 import experts
from wan21.estimates import flops_of, memory_of
from wan21.options import Wan21Options
from wan21.prompts import NEGATIVE_PROMPT, NEGATIVE_PROMPT_FLF2V, NEGATIVE_PROMPT_I2V
from wan21.recipes import (
    DISTILLED_I2V,
    DISTILLED_I2V_A14B,
    DISTILLED_T2V,
    DISTILLED_T2V_A14B,
    distilled,
)

PIXELS_480P = 832 * 480
PIXELS_720P = 1280 * 720

LIMITS = Limits(
    size_multiple=16,  # 8x8 pixels a latent, 2x2 latents a token
    min_side=128,
    max_side=1280,
    max_pixels=PIXELS_720P,
    frames_step=4,  # 4 frames a latent, after a first one of its own
    min_frames=5,
    max_frames=161,  # trained on 81; beyond, motion repeats and the cost grows with the square
    fixed_fps=16,  # sample_fps in wan/configs/shared_config.py
)

DEFAULTS = Defaults(
    width=832,
    height=480,
    num_frames=81,
    fps=16,
    num_inference_steps=50,
    guidance_scale=5.0,
    negative_prompt=NEGATIVE_PROMPT,
)
DEFAULTS_I2V = replace(DEFAULTS, num_inference_steps=40, negative_prompt=NEGATIVE_PROMPT_I2V)
"""Steps and guidance as in Wan-Video/Wan2.1, generate.py."""

_SMALL, _480P, _720P = (640, 352), (832, 480), (1280, 720)
_QUICK = Preset(size=_SMALL, num_inference_steps=20)
PRESETS = presets(draft=_QUICK, high=Preset(size=_720P))
PRESETS_480P = presets(draft=_QUICK, high=Preset(num_inference_steps=60))
PRESETS_I2V_720P = presets(
    draft=Preset(size=_480P, num_inference_steps=20),
    high=Preset(num_inference_steps=50),
)
"""480p and 720p are the sizes that its model cards name. More steps than the published number, and
a draft's 20 steps at a smaller size, are ours: they have not been compared on a GPU."""

_ALL = frozenset({Capability.LORA, Capability.STEP_CACHE})
_FROM_VIDEO = frozenset({Capability.VIDEO_TO_VIDEO, Capability.RETAKE})
_TEXT = _ALL | _FROM_VIDEO | {Capability.TEXT_TO_VIDEO}
_IMAGE = _ALL | {Capability.IMAGE_TO_VIDEO, Capability.EXTEND}

T2V_14B = VideoVariant(
    "Wan-AI/Wan2.1-T2V-14B-Diffusers",
    "38ec498cb3208fb688890f8cc7e94ede2cbd7f68",
    _TEXT,
    LIMITS,
    DEFAULTS,
    presets=PRESETS,
)

T2V_1_3B = VideoVariant(
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    "0fad780a534b6463e45facd96134c9f345acfa5b",
    _TEXT,
    replace(LIMITS, max_pixels=PIXELS_480P),  # its model card calls 720p unstable
    replace(DEFAULTS, guidance_scale=6.0),
    presets=PRESETS_480P,
)

I2V_480P = VideoVariant(
    "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
    "b184e23a8a16b20f108f727c902e769e873ffc73",
    _IMAGE,
    replace(LIMITS, max_pixels=PIXELS_480P),
    DEFAULTS_I2V,
    presets=PRESETS_480P,
)

I2V_720P = VideoVariant(
    "Wan-AI/Wan2.1-I2V-14B-720P-Diffusers",
    "main",
    _IMAGE,
    LIMITS,
    replace(DEFAULTS_I2V, width=1280, height=720),
    presets=PRESETS_I2V_720P,
)

FLF2V_720P = VideoVariant(
    "Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers",
    "main",
    (_IMAGE | {Capability.LAST_IMAGE}) - {Capability.EXTEND, Capability.STEP_CACHE},
    replace(LIMITS, needs_last_image=True),
    replace(DEFAULTS, width=1280, height=720, negative_prompt=NEGATIVE_PROMPT_FLF2V),
    presets=PRESETS_I2V_720P,
)
"""From a first picture to a last one. generate.py has fewer steps for i2v alone."""

_VACE = _ALL - {Capability.STEP_CACHE} | {  # of its second branch nobody has measured one
    *(Capability.TEXT_TO_VIDEO, Capability.IMAGE_TO_VIDEO, Capability.LAST_IMAGE),
    *(Capability.REFERENCE_IMAGES, Capability.EXTEND, Capability.RETAKE, Capability.CONTROL_VIDEO),
}
LIMITS_VACE = replace(LIMITS, tail_frames=17)
"""About a second of a video that goes on, in five whole latents: motion goes on with it."""

VACE_14B = VideoVariant(
    "Wan-AI/Wan2.1-VACE-14B-diffusers", "main", _VACE, LIMITS_VACE, DEFAULTS, presets=PRESETS
)

VACE_1_3B = VideoVariant(
    "Wan-AI/Wan2.1-VACE-1.3B-diffusers",
    "main",
    _VACE,
    replace(LIMITS_VACE, max_pixels=PIXELS_480P),
    DEFAULTS,
    presets=PRESETS_480P,
)
"""Text, pictures and parts of videos by one model. Steps and guidance as generate.py has them, and
as vace/vace_wan_inference.py of ali-vilab/VACE; sizes are ``SUPPORTED_SIZES``, and the negative
prompt is that of text (wan/configs/__init__.py)."""

T2V_14B_4STEP = distilled(T2V_14B, DISTILLED_T2V)
I2V_480P_4STEP = distilled(I2V_480P, DISTILLED_I2V)
"""Chosen like any other checkpoint, by the name ``<hub id>+lightx2v-4step``. The picture's LoRA is
published for the 480p base only."""

T2V_A14B = VideoVariant(
    "Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    "5be7df9619b54f4e2667b2755bc6a756675b5cd7",
    _TEXT - {Capability.STEP_CACHE},  # of two transformers nobody has measured one
    LIMITS,
    replace(
        DEFAULTS,
        num_inference_steps=experts.STEPS,
        guidance_scale=experts.GUIDANCE_T2V,
        guidance_scale_2=experts.GUIDANCE_T2V_2,
    ),
    presets=PRESETS,
)

I2V_A14B = VideoVariant(
    "Wan-AI/Wan2.2-I2V-A14B-Diffusers",
    "596658fd9ca6b7b71d5057529bbf319ecbc61d74",
    _IMAGE - {Capability.STEP_CACHE},
    LIMITS,
    replace(
        DEFAULTS,
        num_inference_steps=experts.STEPS,
        guidance_scale=experts.GUIDANCE_I2V,
        guidance_scale_2=experts.GUIDANCE_I2V_2,
    ),
    presets=PRESETS,
)
"""Wan2.2's two: a transformer for high noise and one for low, 480p and 720p, and no CLIP. Both have
the negative prompt of text (``sample_neg_prompt``, wan/configs/shared_config.py)."""

T2V_A14B_4STEP = distilled(T2V_A14B, DISTILLED_T2V_A14B)
I2V_A14B_4STEP = distilled(I2V_A14B, DISTILLED_I2V_A14B)

VARIANTS = (
    *(T2V_14B, T2V_1_3B, I2V_480P, I2V_720P, FLF2V_720P, T2V_14B_4STEP, I2V_480P_4STEP),
    *(T2V_A14B, I2V_A14B, T2V_A14B_4STEP, I2V_A14B_4STEP, VACE_14B, VACE_1_3B),
)


def _pipeline() -> PipelineModule:
    from wan21 import pipeline

    return pipeline


_DEFERRED = Deferred(_pipeline)

SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="wan21",
    title="Wan2.1",
    licence="Apache-2.0",
    port=8002,
    variants=VARIANTS,
    options=Wan21Options,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=memory_of,
    saved_bytes=saved_bytes,
    cost=flops_of,
    quantization=Quantization.FP8,
)
