"""What stays in high precision when LTX-2 is quantized, and why.

Connectors, VAEs and the vocoder are never quantized: they run once a job, or are convolutions.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from common.contract import Quantization
from common.runtime.keep import Keep, KeepRules, edge_blocks
from common.runtime.stored import saved_by
from common.runtime.weights import read_config

_TIME = "time and modulation: one error here shifts or scales every token of every block"
_EDGE = "the way in or out of the blocks: small, and nothing corrects its error"
_ENDS = "the first block and the last five: its authors' FP8 files leave them in bfloat16 too"
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

_SELF_ATTENTION = "self-attention of the text encoder: it decides which words belong together"

_TEXT_ENCODER = (
    Keep("lm_head", "its weight is that of the token embeddings"),
    Keep("embed_tokens", "token embeddings: looked up, not multiplied"),
    Keep("patch_embedding", "a convolution of the vision tower"),
    Keep("position_embedding", "position embeddings: looked up, not multiplied"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)

_FOUR_BITS = (Quantization.NF4, Quantization.NVFP4)

NUM_LAYERS = 48
"""Where a configuration does not say (``LTX2VideoTransformer3DModel``)."""


def keep_text_encoder(scheme: Quantization) -> tuple[Keep, ...]:
    """Rules for Gemma 3, whose vision tower runs for prompt help from a picture alone.

    Under four bits the language model's self-attention has eight: in bfloat16 it would be 2.4 GB
    more, and LTX-2 above the 30 GB that it is to take, for a tenth of what the layer's error falls
    by (docs/quantization.md, "What was weighed").
    """
    attention = Quantization.FP8 if scheme in _FOUR_BITS else Quantization.NONE
    return (*_TEXT_ENCODER, Keep("self_attn", _SELF_ATTENTION, attention))


def keep_transformer(scheme: Quantization, num_layers: int = NUM_LAYERS) -> tuple[Keep, ...]:
    """Rules for a transformer of so many blocks.

    Blocks 0 and 43 to 47 of 48 are bfloat16 in the authors' FP8 files (Lightricks/LTX-2).

    NVFP4 leaves the attentions to text and to the other stream: sglang's keeps ``attn2`` and
    ``audio_attn2`` (sgl-project/sglang, pull request 22738), and picture and sound listen to each
    other through the other two. With the first two alone a block's error would be more than twice
    that with all four.
    """
    edges = edge_blocks("transformer_blocks", num_layers, _ENDS, first=1, last=5)
    crossing = _CROSS_ATTENTIONS if scheme is Quantization.NVFP4 else ()
    return (*_ALWAYS, *crossing, *edges)


def keep_rules(checkpoint: Path) -> Mapping[str, KeepRules]:
    """By component; only these two are quantized. Raises CheckpointError."""
    layers = read_config(checkpoint, "transformer").get("num_layers", NUM_LAYERS)
    return {
        "transformer": partial(keep_transformer, num_layers=layers),
        "text_encoder": keep_text_encoder,
    }


saved_bytes = saved_by(keep_rules)
"""What a scheme takes off a checkpoint's weights. Raises CheckpointError."""
