"""HunyuanVideo 1.5: its checkpoints, their limits and defaults. No torch here.

Steps, guidance and lengths: README and hyvideo/commons/__init__.py (``PIPELINE_CONFIGS``) of
Tencent-Hunyuan/HunyuanVideo-1.5; the shifts of the schedule are in the checkpoints. Sizes: the
pipelines of diffusers cut every shape out of 640x640 or 960x960 pixels, in steps of 16, up to four
times as wide as high (pipelines/hunyuan_video1_5/image_processor.py).

The commits were not looked at on the hub: see docs/checkpoints.md.
"""

from dataclasses import replace

from common.kinds.video import Capability, Defaults, Limits, Preset, VideoVariant
from common.kinds.video.presets import presets, without_steps
from hunyuan.version import PREFIX_15

LIMITS_480P = Limits(
    size_multiple=16,  # 16x16 pixels a latent, one latent a token
    min_side=128,
    max_side=1280,
    max_pixels=640 * 640,
    frames_step=4,  # 4 frames a latent, after a first one of its own
    min_frames=5,
    max_frames=121,  # the length of its README
    fixed_fps=24,  # generate.py
)
LIMITS_720P = replace(LIMITS_480P, max_side=1920, max_pixels=960 * 960)
"""The smallest side is ours."""

DEFAULTS_480P = Defaults(
    width=848, height=480, num_frames=121, fps=24, num_inference_steps=50, guidance_scale=6.0
)
DEFAULTS_720P = replace(DEFAULTS_480P, width=1280, height=720)

_SMALL = (640, 352)
PRESETS_480P = presets(
    draft=Preset(size=_SMALL, num_inference_steps=30), high=Preset(num_inference_steps=60)
)
PRESETS_720P = presets(
    draft=Preset(size=(848, 480), num_inference_steps=30), high=Preset(num_inference_steps=60)
)
PRESETS_STEPS = presets(
    draft=Preset(size=_SMALL, num_inference_steps=8), high=Preset(num_inference_steps=12)
)
"""Steps that are not the published number are ours: they have not been compared on a GPU."""

_TEXT = frozenset({Capability.TEXT_TO_VIDEO})
_PICTURE = frozenset({Capability.IMAGE_TO_VIDEO})

T2V_480P = VideoVariant(
    f"{PREFIX_15}480p_t2v",
    "286be7ce72277246578a3e3cc2487e95ddae5bcf",
    _TEXT,
    LIMITS_480P,
    DEFAULTS_480P,
    presets=PRESETS_480P,
)

T2V_720P = VideoVariant(
    f"{PREFIX_15}720p_t2v",
    "f4dbc4a1efa4ac8ea56680cdf79d9f455105e814",
    _TEXT,
    LIMITS_720P,
    DEFAULTS_720P,
    presets=PRESETS_720P,
)

T2V_480P_DISTILLED = VideoVariant(
    f"{PREFIX_15}480p_t2v_distilled",
    "1abb14f06518f37448dcf3a6917dd086dd7045c7",
    _TEXT,
    replace(LIMITS_480P, legal_steps=(50,), max_guidance_scale=1, takes_negative_prompt=False),
    replace(DEFAULTS_480P, guidance_scale=1.0),
    presets=without_steps(PRESETS_480P),
)
"""Distilled to one pass a step. Its README: it must have 50 steps to be right."""

I2V_480P = VideoVariant(
    f"{PREFIX_15}480p_i2v",
    "5a700ee883ff4c1b3d887ec4188755a7a5e2f698",
    _PICTURE,
    LIMITS_480P,
    DEFAULTS_480P,
    presets=PRESETS_480P,
)

I2V_480P_STEP_DISTILLED = VideoVariant(
    f"{PREFIX_15}480p_i2v_step_distilled",
    "854c04a4c8a53d990b418c7478f0802c0fc8c726",
    _PICTURE,
    replace(
        LIMITS_480P, min_steps=4, max_steps=12, max_guidance_scale=1, takes_negative_prompt=False
    ),
    replace(DEFAULTS_480P, num_inference_steps=12, guidance_scale=1.0),
    presets=PRESETS_STEPS,
)
"""Of a picture, in 8 or 12 steps; its README calls 4 possible, at a slightly lower quality."""

VARIANTS_15 = (T2V_480P, T2V_720P, T2V_480P_DISTILLED, I2V_480P, I2V_480P_STEP_DISTILLED)
