"""The transformers at their real size with random weights, and what one denoising step calls.

Speed does not depend on what the weights are, so nothing has to be downloaded.
"""

from dataclasses import replace

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import LTX2VideoTransformer3DModel, WanTransformer3DModel

from common.runtime import keep_dit
from common.runtime.flops import Architecture, forward_flops
from ltx2 import estimates as ltx2_estimates
from ltx2 import precision as ltx2_precision
from ltx2.model_config import SPEC as LTX2
from scripts.bench.gpu_magi1 import magi1
from scripts.bench.gpu_subject import Call, Case, Subject, noise
from wan21 import estimates as wan21_estimates
from wan21.model_config import SPEC as WAN21

GUIDED = 2
"""Videos that go through the transformer a step: with the prompt, and with the negative one."""


FEW_BLOCKS = 4
"""Of 40 and 48: as wide as all, and made in a second."""


def subjects(size: str) -> tuple[Subject, ...]:
    """``full`` is the published sizes, ``check`` the same but for most of their blocks.

    ``small`` is the same code in a second on a CPU.
    """
    if size == "check":
        return (_few_blocks_of_wan(), _few_blocks_of_ltx2())
    return (_wan(size == "small"), _ltx2(size == "small"), magi1(small=size == "small"))


def _few_blocks_of_wan() -> Subject:
    whole = _wan(small=False)
    few = replace(wan21_estimates.WAN_14B, num_layers=FEW_BLOCKS)

    def flops(case: Case) -> float:
        tokens = wan21_estimates.num_tokens(case.request())
        return GUIDED * forward_flops(tokens, wan21_estimates.TEXT_TOKENS, few)

    return replace(
        whole,
        title=f"{whole.title}, {FEW_BLOCKS} blocks",
        cases=whole.cases[:1],
        build=lambda: WanTransformer3DModel(num_layers=FEW_BLOCKS),
        flops=flops,
    )


def _few_blocks_of_ltx2() -> Subject:
    whole = _ltx2(small=False)
    return replace(
        whole,
        title=f"{whole.title}, {FEW_BLOCKS} blocks",
        build=lambda: LTX2VideoTransformer3DModel(rope_type="split", num_layers=FEW_BLOCKS),
        flops=lambda _: None,
    )


def _wan(small: bool) -> Subject:
    """The defaults of diffusers' class are those of Wan-AI/Wan2.1-T2V-14B-Diffusers."""
    tiny = {"num_attention_heads": 2, "ffn_dim": 512, "num_layers": 2, "text_dim": 64}
    architecture = Architecture(256, 512, 2) if small else wan21_estimates.WAN_14B
    real = (Case(832, 480, 81, 16), Case(1280, 720, 81, 16))
    text_dim = 64 if small else 4096

    def step(case: Case, device: torch.device) -> list[Call]:
        """The pipeline makes two calls, one for each prompt."""
        latents = (case.num_frames - 1) // 4 + 1, case.height // 8, case.width // 8
        call = {
            "hidden_states": noise(device, 1, 16, *latents),
            "timestep": torch.tensor([500.0], device=device),
            "encoder_hidden_states": noise(device, 1, wan21_estimates.TEXT_TOKENS, text_dim),
            "return_dict": False,
        }
        return [call] * GUIDED

    def flops(case: Case) -> float:
        tokens = wan21_estimates.num_tokens(case.request())
        return GUIDED * forward_flops(tokens, wan21_estimates.TEXT_TOKENS, architecture)

    return Subject(
        model="wan21",
        title="Wan 2.1, small" if small else "Wan 2.1 14B",
        scheme=WAN21.quantization,
        cases=(Case(128, 96, 9, 16),) if small else real,
        build=lambda: WanTransformer3DModel(**(tiny if small else {})),
        step=step,
        flops=flops,
        keep=lambda _: keep_dit.keep_transformer(),
    )


def _ltx2(small: bool) -> Subject:
    """The defaults of diffusers' class are those of Lightricks/LTX-2 but for ``rope_type``."""
    tiny = {
        "num_attention_heads": 2,
        "cross_attention_dim": 256,
        "audio_num_attention_heads": 2,
        "audio_cross_attention_dim": 128,
        "num_layers": 2,
        "caption_channels": 64,
    }
    text_dim = 64 if small else 3840

    def step(case: Case, device: torch.device) -> list[Call]:
        """The pipeline makes one call for both prompts, and two more, each like half of it."""
        return [_ltx2_call(case, text_dim, device)]

    def flops(case: Case) -> float | None:
        return None if small else GUIDED * ltx2_estimates.forward_flops(case.request())

    return Subject(
        model="ltx2",
        title="LTX-2, small" if small else "LTX-2 19B",
        scheme=LTX2.quantization,
        cases=(Case(128, 96, 9, 24) if small else Case(768, 512, 121, 24),),
        build=lambda: LTX2VideoTransformer3DModel(rope_type="split", **(tiny if small else {})),
        step=step,
        flops=flops,
        keep=ltx2_precision.keep_transformer,
    )


def _ltx2_call(case: Case, text_dim: int, device: torch.device) -> Call:
    frames = (case.num_frames - 1) // ltx2_estimates.TEMPORAL + 1
    height, width = case.height // ltx2_estimates.SPATIAL, case.width // ltx2_estimates.SPATIAL
    audio = round(case.num_frames / case.fps * ltx2_estimates.AUDIO_LATENTS_PER_SECOND)
    text = ltx2_estimates.TEXT_TOKENS
    mask = torch.ones(GUIDED, text, device=device)
    return {
        "hidden_states": noise(device, GUIDED, frames * height * width, 128),
        "audio_hidden_states": noise(device, GUIDED, audio, 128),
        "encoder_hidden_states": noise(device, GUIDED, text, text_dim),
        "audio_encoder_hidden_states": noise(device, GUIDED, text, text_dim),
        "timestep": torch.full((GUIDED,), 500.0, device=device),
        "encoder_attention_mask": mask,
        "audio_encoder_attention_mask": mask,
        "num_frames": frames,
        "height": height,
        "width": width,
        "fps": case.fps,
        "audio_num_frames": audio,
        "return_dict": False,
    }
