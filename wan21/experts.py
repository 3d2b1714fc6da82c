"""Two transformers that share the steps: Wan 2.2's A14B. How each is guided, and when. No torch.

Numbers: Wan-Video/Wan2.2, wan/configs/wan_t2v_A14B.py and wan_i2v_A14B.py. Its code calls them
experts: the first denoises where the timestep is at least ``boundary``, the second below it
(``_prepare_model_for_timestep`` in wan/text2video.py). The boundary of a checkpoint that is loaded
stands in its ``model_index.json``, as ``boundary_ratio``.
"""

NUM_TRAIN_TIMESTEPS = 1000
"""``num_train_timesteps`` in wan/configs/shared_config.py."""

BOUNDARY_T2V, BOUNDARY_I2V = 0.875, 0.9
"""``boundary``, of 1000 timesteps."""

FLOW_SHIFT_T2V, FLOW_SHIFT_I2V = 12.0, 5.0
"""``sample_shift``, at every size (generate.py of Wan 2.2 changes it for none)."""

STEPS = 40
"""``sample_steps``, of both."""

GUIDANCE_T2V, GUIDANCE_T2V_2 = 4.0, 3.0
GUIDANCE_I2V, GUIDANCE_I2V_2 = 3.5, 3.5
"""``sample_guide_scale``, which names the low noise first: (3, 4) and (3.5, 3.5)."""


def high_noise_steps(num_inference_steps: int, flow_shift: float, boundary: float) -> int:
    """How many of the steps are the first expert's.

    Noise levels are those of ``FlowUniPCScheduler``: evenly from 0.999 down, then shifted.

    Args:
        num_inference_steps: of both.
        flow_shift: of the noise schedule.
        boundary: in [0, 1], of all timesteps.
    """
    highest = 1 - 1 / NUM_TRAIN_TIMESTEPS
    levels = (highest * (1 - at / num_inference_steps) for at in range(num_inference_steps))
    shifted = (flow_shift * level / (1 + (flow_shift - 1) * level) for level in levels)
    first = boundary * NUM_TRAIN_TIMESTEPS
    return sum(int(level * NUM_TRAIN_TIMESTEPS) >= first for level in shifted)
