"""LTX-2: picture and sound from one model. What it can do, and where its parts are. No torch."""

from dataclasses import replace
from typing import Any

from common.contract import JobContext, ModelSpec, Prepared, Quantization
from common.contract.deferred import Deferred, PipelineModule
from common.contract.variants import Extra
from common.kinds.video import VIDEO_KIND, Capability, Defaults, Limits, Preset, VideoVariant
from common.kinds.video.presets import presets, without_steps
from common.kinds.video.variants import TwoStages
from ltx2.estimates import estimate_flops, estimate_memory
from ltx2.options import Ltx2Options
from ltx2.precision import saved_bytes

DISTILLED_STEPS = 8
"""Length of ``DISTILLED_SIGMA_VALUES`` in diffusers, pipelines/ltx2/utils.py, and of the same in
Lightricks/LTX-2, ltx_pipelines/utils/constants.py, which knows one for all generations."""

CAPABILITIES = frozenset(
    {
        Capability.TEXT_TO_VIDEO,
        Capability.IMAGE_TO_VIDEO,
        Capability.LAST_IMAGE,
        Capability.KEYFRAMES,
        Capability.EXTEND,
        Capability.RETAKE,
        Capability.AUDIO,
        Capability.LORA,
        Capability.PROMPT_ENHANCEMENT,
        Capability.TWO_STAGES,
    }
)

LIMITS = Limits(
    size_multiple=32,
    min_side=64,
    max_side=1920,
    max_pixels=1920 * 1088,
    frames_step=8,
    min_frames=9,
    max_frames=481,
    max_seconds=20.1,
    min_steps=2,
    tail_frames=9,
)
"""Sides in multiples of 32 and 8n+1 frames: model card of Lightricks/LTX-2, "General tips".
481 frames are 20 seconds at 24 fps: positions in time are trained up to 20 seconds
(``pos_embed_max_pos`` in transformer/config.json). The schedule is stretched to end at 0.1, which
in a single step is 0 / 0. Of a video that goes on it sees nine frames: two latents, the fewest that
show a motion. That and the other bounds are ours."""

NEGATIVE_PROMPT = (
    "has_subtitles, has_blurbox, transition from black, transition to black, speech_ending_short, "
    "blurry, out of focus, overexposed, underexposed, low contrast, washed out colors, excessive "
    "noise, grainy texture, poor lighting, flickering, motion blur, distorted proportions, "
    "unnatural skin tones, deformed facial features, asymmetrical face, missing facial features, "
    "extra limbs, disfigured hands, wrong hand count, artifacts around text, inconsistent "
    "perspective, camera shake, incorrect depth of field, background too sharp, background "
    "clutter, distracting reflections, harsh shadows, inconsistent lighting direction, color "
    "banding, cartoonish rendering, 3D CGI look, unrealistic materials, uncanny valley effect, "
    "incorrect ethnicity, wrong gender, exaggerated expressions, wrong gaze direction, mismatched "
    "lip sync, silent or muted audio, distorted voice, robotic voice, echo, background noise, "
    "off-sync audio, incorrect dialogue, added dialogue, repetitive speech, jittery movement, "
    "awkward pauses, incorrect timing, unnatural transitions, inconsistent framing, tilted camera, "
    "flat lighting, inconsistent tone, cinematic oversaturation, stylized filters, or AI artifacts."
)
"""``DEFAULT_NEGATIVE_PROMPT`` in Lightricks/LTX-2, ltx_pipelines/utils/constants.py, since August
2026, when five words came to its front; their pipelines give it to every generation. diffusers
0.42.1 has the older one."""

DEFAULTS = Defaults(
    width=768,
    height=512,
    num_frames=121,
    fps=24,
    num_inference_steps=40,
    guidance_scale=3.0,
    negative_prompt=NEGATIVE_PROMPT,
)
"""``LTX_2_PARAMS`` in Lightricks/LTX-2, ltx_pipelines/utils/constants.py. Its 40 steps are
LTX-2.0's; the 30 that diffusers has as its default are those of ``LTX_2_3_PARAMS``."""

PRESETS = presets(
    draft=Preset(size=(480, 320), num_inference_steps=20),
    high=Preset(size=(1536, 1024), two_stages=True),
)
PRESETS_2_3 = presets(
    draft=Preset(size=(480, 320), num_inference_steps=15),
    high=Preset(size=(1536, 1024), two_stages=True),
)
"""1536x1024, twice the default's sides, is what the official two-stage pipeline ends with
(Lightricks/LTX-2, ltx_pipelines/utils/constants.py). A draft's size and half the steps are ours."""

UNUSED_FILES = ("text_encoder/diffusion_pytorch_model*", "latent_upsampler/*")
"""Of the 19B's repositories: an older copy of the text encoder beside the live one, 51.6 GB, and
what a second stage takes, 1 GB, which is fetched as ``extra`` where it is wanted."""

SECOND_STEPS = 3
"""Length of ``STAGE_2_DISTILLED_SIGMA_VALUES`` in diffusers, pipelines/ltx2/utils.py, and of the
same in Lightricks/LTX-2, ltx_pipelines/utils/constants.py."""
UPSAMPLER = (
    "latent_upsampler/config.json",
    "latent_upsampler/diffusion_pytorch_model.safetensors",
)
UPSAMPLER_BYTES = 995_735_858
"""Of its tensors, in bfloat16; LTX-2.3's is as large."""
DISTILLED_LORA_BYTES = 7_674_558_424
"""Of the file: rank 384, or the shorter side of a layer."""
UPSAMPLER_2_3 = "ltx-2.3-spatial-upscaler-x2-1.1.safetensors"
DISTILLED_LORA_2_3_BYTES = 7_605_507_256
LTX_2_3_FILES = "Lightricks/LTX-2.3", "4229404625088d21c4f112eb640fb04a0900ee25"
"""LTX-2.3's upsampler and LoRA are not in the repositories of its diffusers form."""

WITH_LORA = TwoStages(SECOND_STEPS, takes_lora=True)
ALONE = TwoStages(SECOND_STEPS, takes_lora=False)
"""What is distilled already needs no LoRA that distils it (ltx_pipelines/distilled.py)."""

LTX_2_0 = VideoVariant(
    "Lightricks/LTX-2",
    "47da56e2ad66ce4125a9922b4a8826bf407f9d0a",
    CAPABILITIES,
    LIMITS,
    DEFAULTS,
    extra=Extra(
        "Lightricks/LTX-2",
        (*UPSAMPLER, "ltx-2-19b-distilled-lora-384.safetensors"),
        UPSAMPLER_BYTES + DISTILLED_LORA_BYTES,
        "47da56e2ad66ce4125a9922b4a8826bf407f9d0a",
    ),
    unused_files=UNUSED_FILES,
    presets=PRESETS,
    two_stages=WITH_LORA,
)

LTX_2_3 = VideoVariant(
    "diffusers/LTX-2.3-Diffusers",
    "8eee8edcf067e838b843f926ec4d4cc9b2be1aaf",
    CAPABILITIES,
    LIMITS,
    replace(DEFAULTS, num_inference_steps=30),
    extra=Extra(
        LTX_2_3_FILES[0],
        (UPSAMPLER_2_3, "ltx-2.3-22b-distilled-lora-384-1.1.safetensors"),
        UPSAMPLER_BYTES + DISTILLED_LORA_2_3_BYTES,
        LTX_2_3_FILES[1],
    ),
    presets=PRESETS_2_3,
    two_stages=WITH_LORA,
)

_DISTILLED_LIMITS = replace(
    LIMITS, min_steps=DISTILLED_STEPS, max_steps=DISTILLED_STEPS, max_guidance_scale=1
)
_DISTILLED_DEFAULTS = replace(
    DEFAULTS, num_inference_steps=DISTILLED_STEPS, guidance_scale=1.0, negative_prompt=""
)

DISTILLED = VideoVariant(
    # A third party's conversion of Lightricks' distilled 19B weights to the diffusers layout.
    "rootonchair/LTX-2-19b-distilled",
    "main",
    CAPABILITIES,
    _DISTILLED_LIMITS,
    _DISTILLED_DEFAULTS,
    extra=Extra("rootonchair/LTX-2-19b-distilled", UPSAMPLER, UPSAMPLER_BYTES),
    unused_files=UNUSED_FILES,
    presets=without_steps(PRESETS),
    two_stages=ALONE,
)

DISTILLED_2_3 = VideoVariant(
    # As large as the full one, in the same layout; other weights, and a scheduler without a shift.
    "diffusers/LTX-2.3-Distilled-Diffusers",
    "main",
    CAPABILITIES,
    _DISTILLED_LIMITS,
    _DISTILLED_DEFAULTS,
    extra=Extra(LTX_2_3_FILES[0], (UPSAMPLER_2_3,), UPSAMPLER_BYTES, LTX_2_3_FILES[1]),
    presets=without_steps(PRESETS_2_3),
    two_stages=ALONE,
)


def _pipeline() -> PipelineModule:
    from ltx2 import pipeline

    return pipeline


def _prepare(model: Any, request: Any, context: JobContext) -> Prepared | None:
    from ltx2 import enhancing

    return enhancing.enhanced(model, request, context)


_DEFERRED = Deferred(_pipeline)

SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="ltx2",
    title="LTX-2",
    licence="LTX-2.x Community License Agreement: not Apache; entities with an annual revenue of "
    "10 million US dollars or more need a paid licence from Lightricks",
    port=8001,
    variants=(LTX_2_0, LTX_2_3, DISTILLED, DISTILLED_2_3),
    options=Ltx2Options,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=estimate_memory,
    saved_bytes=saved_bytes,
    cost=estimate_flops,
    quantization=Quantization.NF4,
    prepare=_prepare,
)
