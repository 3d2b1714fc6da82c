"""The few-step recipe of Wan2.1 and Wan2.2: which LoRAs, and how they are sampled. No torch here.

Of the public few-step forms this is the one that needs nothing but the base checkpoint:
- lightx2v/Wan2.1-Distill-Loras: a LoRA of rank 64 for each task, 0.6 and 0.7 GB, Apache-2.0. Used.
- lightx2v/Wan2.1-T2V-14B-StepDistill-CfgDistill and lightx2v/Wan2.1-Distill-Models: the same
  models whole, in the layout of the original code, another 28 GB.
- FastVideo/FastWan2.1-T2V-1.3B-Diffusers: three steps, but trained together with sparse attention
  (VSA), which only FastVideo's own kernels have, and noise is added anew at each step.

Numbers: ModelTC/LightX2V, configs/distill/wan21/wan_t2v_distill_lora_4step_cfg.json and
wan_i2v_distill_lora_4step_cfg.json (the same for both), and
docs/EN/source/method_tutorials/step_distill.md, which warns against changing them and against
guidance: with it "the video may become completely blurred". Of Wan2.2's A14B:
configs/distill/wan22/wan_moe_t2v_distill_lora.json and wan_moe_i2v_distill_with_lora.json, the same
numbers; ``boundary_step_index`` 2 is where these noise levels meet the checkpoint's own boundary.
"""

from dataclasses import replace

from common.contract import Adapter
from common.kinds.video import Capability, Defaults, Limits, VideoVariant
from common.kinds.video.presets import without_steps

DISTILLED_SIGMAS = (1.0, 0.75, 0.5, 0.25)
"""``denoising_step_list`` [1000, 750, 500, 250] of 1000, before the shift. After it, in
lightx2v/models/schedulers/wan/step_distill/scheduler.py: 1, 0.9375, 0.8333, 0.625, then 0."""

DISTILLED_STEPS = len(DISTILLED_SIGMAS)
"""``infer_steps``."""

DISTILLED_FLOW_SHIFT = 5.0
"""``sample_shift``, at every size."""

DISTILLED_GUIDANCE = 1.0
"""``enable_cfg`` is false: one pass a step, and no negative prompt."""

REPOSITORY = "lightx2v/Wan2.1-Distill-Loras"
REVISION = "27ae38da91014b947dd39cc3fa78b97cd7b386dd"

DISTILLED_T2V = Adapter(
    "lightx2v-4step", REPOSITORY, "wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors", REVISION
)
DISTILLED_I2V = Adapter(
    "lightx2v-4step", REPOSITORY, "wan2.1_i2v_lora_rank64_lightx2v_4step.safetensors", REVISION
)

REPOSITORY_2_2 = "lightx2v/Wan2.2-Distill-Loras"
"""Apache-2.0; 0.6 and 0.7 GB. No commit of it has been looked at, and of the files for text only
the names are known: what does not fit is refused before a weight is read."""

DISTILLED_T2V_A14B = Adapter(
    "lightx2v-4step",
    REPOSITORY_2_2,
    "wan2.2_t2v_A14b_high_noise_lora_rank64_lightx2v_4step_1217.safetensors",
    file_2="wan2.2_t2v_A14b_low_noise_lora_rank64_lightx2v_4step_1217.safetensors",
)
DISTILLED_I2V_A14B = Adapter(
    "lightx2v-4step",
    REPOSITORY_2_2,
    "wan2.2_i2v_A14b_high_noise_lora_rank64_lightx2v_4step_1022.safetensors",
    file_2="wan2.2_i2v_A14b_low_noise_lora_rank64_lightx2v_4step_1022.safetensors",
)


def distilled(base: VideoVariant, adapter: Adapter) -> VideoVariant:
    """The few-step form of a variant: its size and frames, the recipe's steps and guidance.

    No step is left out of so few: each does what none before it did.
    """
    return replace(
        base,
        adapter=adapter,
        capabilities=base.capabilities - {Capability.STEP_CACHE},
        limits=_distilled_limits(base.limits),
        defaults=_distilled_defaults(base.defaults),
        presets=without_steps(base.presets),
    )


def _distilled_limits(limits: Limits) -> Limits:
    return replace(
        limits,
        min_steps=DISTILLED_STEPS,
        max_steps=DISTILLED_STEPS,
        max_guidance_scale=DISTILLED_GUIDANCE,
    )


def _distilled_defaults(defaults: Defaults) -> Defaults:
    return replace(
        defaults,
        num_inference_steps=DISTILLED_STEPS,
        guidance_scale=DISTILLED_GUIDANCE,
        guidance_scale_2=DISTILLED_GUIDANCE if defaults.guidance_scale_2 else None,
        negative_prompt="",
    )
