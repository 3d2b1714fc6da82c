"""What stays in high precision when LTX-2 is quantized, and why.

Connectors, VAEs and the vocoder are never quantized: they run once a job, or are convolutions.
"""

from common.contract import Quantization
from common.runtime.quantization import Keep

_TIME = "time and modulation: one error here shifts or scales every token of every block"
_EDGE = "the way in or out of the blocks: small, and nothing corrects its error"
_CROSS = "cross attention is kept under NVFP4: few keys, so that their errors do not average out"

_ALWAYS = (
    Keep("time_embed", _TIME),
    Keep("audio_time_embed", _TIME),
    Keep("av_cross_attn_*", _TIME),
    Keep("prompt_adaln", _TIME),
    Keep("audio_prompt_adaln", _TIME),
    Keep("to_gate_logits", "a gate for each head (LTX-2.3): tiny, and it scales a head's output"),
    Keep("caption_projection", _EDGE),
    Keep("audio_caption_projection", _EDGE),
    Keep("proj_in", _EDGE),
    Keep("audio_proj_in", _EDGE),
    Keep("proj_out", _EDGE),
    Keep("audio_proj_out", _EDGE),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)

_CROSS_ATTENTIONS = (
    Keep("attn2", _CROSS),
    Keep("audio_attn2", _CROSS),
    Keep("audio_to_video_attn", _CROSS),
    Keep("video_to_audio_attn", _CROSS),
)

KEEP_TEXT_ENCODER = (
    Keep("lm_head", "its weight is that of the token embeddings, and no token is predicted"),
    Keep("embed_tokens", "token embeddings: looked up, not multiplied"),
    Keep("patch_embedding", "a convolution of the vision tower"),
    Keep("position_embedding", "position embeddings: looked up, not multiplied"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)
"""Gemma 3. Its vision tower never runs here, so it is quantized: that saves memory only."""


def keep_transformer(scheme: Quantization) -> tuple[Keep, ...]:
    """Rules for the transformer; NVFP4 leaves the attentions to text and to the other stream.

    sglang's NVFP4 of LTX-2 keeps ``attn2`` and ``audio_attn2`` (sgl-project/sglang, pull request
    22738); picture and sound listen to each other through the other two.
    """
    return (*_ALWAYS, *_CROSS_ATTENTIONS) if scheme is Quantization.NVFP4 else _ALWAYS
