"""Waver's checkpoints: what stands in for it, and the real one; their limits, defaults and presets.

The weights of Waver 1.0 (arXiv 2508.15761, github.com/FoundationVision/Waver) are not public. Open
Wan checkpoints stand in for it, and every variant that does says so
(docs/decisions/0011-waver-is-a-stand-in.md).
"""

from dataclasses import replace

from common.kinds.video import Capability, Defaults, Limits, Preset, VideoVariant
from common.kinds.video.presets import presets
from waver.prompts import NEGATIVE_PROMPT, Quality

WAVER = "Waver 1.0"

_FROM_VIDEO = frozenset({Capability.VIDEO_TO_VIDEO, Capability.RETAKE})
_TEXT = _FROM_VIDEO | {Capability.TEXT_TO_VIDEO, Capability.LORA, Capability.STEP_CACHE}
_BOTH = _TEXT | {Capability.IMAGE_TO_VIDEO, Capability.EXTEND}

_IN_WORDS = {"quality": Quality.HIGH.value}
PRESETS = presets(
    draft=Preset(size=(832, 480), num_inference_steps=20),
    high=Preset(num_inference_steps=60, options=_IN_WORDS),
)
PRESETS_480P = presets(
    draft=Preset(size=(640, 352), num_inference_steps=20),
    high=Preset(num_inference_steps=60, options=_IN_WORDS),
)
"""The sizes of the defaults are the largest that the stand-ins are meant for, so ``high`` has more
steps, and the words for quality. Both, like a draft's numbers, are ours and not measured."""

TI2V_5B = VideoVariant(
    checkpoint="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    revision="b8fff7315c768468a5333511427288870b2e9635",
    capabilities=_BOTH,
    limits=Limits(
        size_multiple=32,  # 16x16 pixels a latent, 2x2 latents a token
        min_side=128,
        max_side=1280,
        max_pixels=1280 * 704,
        frames_step=4,  # 4 frames a latent, after a first one of its own
        min_frames=5,
        max_frames=241,  # trained on 121; beyond, motion repeats and the cost grows
        fixed_fps=24,
    ),
    defaults=Defaults(
        width=1280,
        height=704,
        num_frames=121,
        fps=24,
        num_inference_steps=50,
        guidance_scale=5.0,
        negative_prompt=NEGATIVE_PROMPT,
    ),
    stands_in_for=WAVER,
    presets=PRESETS,
)
"""Numbers: Wan-Video/Wan2.2, wan/configs/wan_ti2v_5B.py; sizes: its model card."""

T2V_1_3B = VideoVariant(
    checkpoint="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    revision="0fad780a534b6463e45facd96134c9f345acfa5b",
    capabilities=_TEXT,
    limits=replace(
        TI2V_5B.limits,
        size_multiple=16,  # 8x8 pixels a latent
        max_pixels=832 * 480,  # its model card calls 720p unstable
        max_frames=161,
        fixed_fps=16,
    ),
    defaults=replace(
        TI2V_5B.defaults, width=832, height=480, num_frames=81, fps=16, guidance_scale=6.0
    ),
    stands_in_for=WAVER,
    presets=PRESETS_480P,
)
"""For speed. Numbers: Wan-Video/Wan2.1, wan/configs, and the model card."""

WAVER_1_0 = replace(
    TI2V_5B,
    checkpoint="*/[Ww]aver*",
    revision="main",
    # LoRAs for Wan do not fit, and nobody knows whether its steps can be cached or begin late.
    capabilities=_BOTH - _FROM_VIDEO - {Capability.LORA, Capability.STEP_CACHE},
    limits=replace(TI2V_5B.limits, size_multiple=16, max_pixels=1280 * 720),
    defaults=replace(TI2V_5B.defaults, height=720),
    stands_in_for=None,
)
"""The real one, once it is published in a diffusers layout: ``WAVER_CHECKPOINT=<its hub id>``.

720p, up to ten seconds and Wan 2.1's VAE (8x8 pixels a latent) are in its report; rate and steps
are not, and are to be looked at on that day."""

STAND_INS = (TI2V_5B, T2V_1_3B)
