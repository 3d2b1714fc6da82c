"""HunyuanVideo as a service, and 1.5: checkpoints, their limits and defaults, what a job costs.

Imports no torch: the API process reads this too.
"""

from dataclasses import replace

from common.contract import ModelSpec, Quantization
from common.contract.deferred import Deferred, PipelineModule
from common.kinds.video import VIDEO_KIND, Capability, Defaults, Limits, Preset, VideoVariant
from common.kinds.video.presets import presets
from hunyuan.costs import flops_of, memory_of
from hunyuan.flow_shift import FAST
from hunyuan.options import HunyuanOptions
from hunyuan.precision import saved_bytes
from hunyuan.variants_15 import VARIANTS_15

LIMITS = Limits(
    size_multiple=16,  # 8x8 pixels a latent, 2x2 latents a token
    min_side=128,
    max_side=1280,
    max_pixels=1280 * 720,
    frames_step=4,  # 4 frames a latent, after a first one of its own
    min_frames=5,
    max_frames=129,  # the length that all sizes of its README are for
    fixed_fps=24,  # sample_video.py
)
"""Sizes: the README of Tencent-Hunyuan/HunyuanVideo, from 540p (960x544, 720x720) to 720p
(1280x720, 1104x832, 960x960). The smallest side is ours."""

DEFAULTS = Defaults(
    width=1280,
    height=720,
    num_frames=129,
    fps=24,
    num_inference_steps=50,
    guidance_scale=1.0,
)
"""hyvideo/config.py of Tencent-Hunyuan/HunyuanVideo. Guidance is 1, which is off: the weights are
distilled to follow ``options.embedded_guidance_scale`` in one pass."""

_540P = (960, 544)
PRESETS = presets(
    draft=Preset(size=_540P, num_inference_steps=30),
    high=Preset(num_inference_steps=60),
)
PRESETS_FAST = presets(draft=Preset(size=_540P), high=Preset(num_inference_steps=8))
"""Steps that are not the published number are ours: they have not been compared on a GPU."""

FAST_HUNYUAN = VideoVariant(
    FAST,
    "7e948fca38562e218ae34485e005956592d36d9b",
    frozenset({Capability.TEXT_TO_VIDEO}),
    replace(LIMITS, min_steps=4, max_steps=12, max_guidance_scale=1, takes_negative_prompt=False),
    replace(DEFAULTS, num_frames=125, num_inference_steps=6),
    presets=PRESETS_FAST,
)
"""Consistency-distilled to few steps: six, 125 frames and no guidance by a second pass in
hao-ai-lab/FastVideo, scripts/inference/v1_inference_fasthunyuan.sh. The bounds around six are ours.
"""

HUNYUAN_VIDEO = VideoVariant(
    "hunyuanvideo-community/HunyuanVideo",
    "e8c2aaa66fe3742a32c11a6766aecbf07c56e773",
    frozenset({Capability.TEXT_TO_VIDEO}),
    LIMITS,
    DEFAULTS,
    presets=PRESETS,
)


def _pipeline() -> PipelineModule:
    from hunyuan import pipeline

    return pipeline


_DEFERRED = Deferred(_pipeline)

SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="hunyuan",
    title="HunyuanVideo",
    licence="Tencent Hunyuan Community License Agreement, that of HunyuanVideo and that of "
    "HunyuanVideo 1.5: not Apache, and no licence at all in the European Union, the United Kingdom "
    "and South Korea, neither for the model nor for its videos; "
    "above 100 million monthly active users a licence of Tencent's own is needed; nothing it makes "
    "may improve another AI model",
    port=8005,
    variants=(FAST_HUNYUAN, HUNYUAN_VIDEO, *VARIANTS_15),
    options=HunyuanOptions,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=memory_of,
    saved_bytes=saved_bytes,
    cost=flops_of,
    quantization=Quantization.FP8,
)
"""The licence: LICENSE.txt of Tencent-Hunyuan/HunyuanVideo, of December 3, 2024; its sections 1(l),
4 and 5. FastHunyuan is a derivative, which it binds too. That of HunyuanVideo 1.5 (LICENSE of
Tencent-Hunyuan/HunyuanVideo-1.5, of November 21, 2025) is another text, the same in all this."""
